"""The page of a class, to be shown without a name, with a table of names folded at its end."""

from collections.abc import Collection, Sequence
from statistics import median
from textwrap import dedent

from markupsafe import Markup

from course_lib.classroom.exercises.check import KNOWN
from course_lib.classroom.words import number
from course_lib.publish.exporter import page_templates
from course_lib.publish.markdown import to_inline_html
from course_lib.publish.results.judge import LIBRARY, PASSED, TRIED
from course_lib.publish.results.marks import Marks
from course_lib.publish.results.student import Student
from course_lib.publish.results.summary import STATES, count_class
from course_lib.publish.results.taste_page import TastePart

CLASSES = dict(zip(STATES, ("passed", "ours", "tried", "open"), strict=True))


def class_page(
    students: Sequence[Student],
    marks: Marks,
    *,
    title: str,
    seed: int,
    seconds: float,
    missing: Collection[str] = (),
    taste: TastePart | None = None,
) -> str:
    """The page; what students wrote is escaped in it. `taste` is what there is to say of the class's choices."""
    with_code = [student for student in students if student.outcomes]
    passed = [student.count(PASSED) for student in with_code]
    return (
        page_templates()
        .get_template("class.html.j2")
        .render(
            title=title,
            students=students,
            marks=marks,
            notebooks=count_class(students),
            classes=CLASSES,
            facts={
                "handed in": len(students),
                "with functions": len(with_code),
                "functions passed (median)": f"{median(passed):g} of {len(KNOWN)}" if passed else "none",
                "predictions answered": sum(len(student.answers) for student in students),
                "choices made": sum(len(student.choices) for student in students),
            },
            states=(PASSED, LIBRARY, TRIED),
            question=lambda asked: Markup(to_inline_html(asked, lambda _: "")),
            says=said_in_rows,
            number=number,
            seed=seed,
            seconds=seconds,
            missing=sorted(missing),
            taste=taste,
        )
    )


def said_in_rows(verdict: str) -> tuple[str, str]:
    """A check's sentence, and the rows below it as they are."""
    sentence, _, rows = verdict.partition("\n")
    return sentence.removeprefix("Not yet: "), dedent(rows)
