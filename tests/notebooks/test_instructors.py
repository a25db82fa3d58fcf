"""The plans of INSTRUCTORS.md are made of the notebooks' own sections, minutes, slides and exercises."""

import re

from shared.notebooks import NOTEBOOKS, ROOT

from course_lib.publish.plan import plan
from course_lib.publish.roles import course, heading
from course_lib.publish.stored import read

HALF_HOUR = [path for path in NOTEBOOKS if not course(read(path).cells[0]).get("lab")]


def presented() -> list[list[str]]:
    """The presented sections: minute, notebook, title, minutes, slides (a title's with the first section)."""
    rows, begins = [], 0
    for path in HALF_HOUR:
        (title, *_), *sections = plan(read(path))
        for section in sections:
            found = heading(section[0].cells[0])
            slides = len(section) + (1 if section is sections[0] else 0)
            rows.append([str(begins), path.name[:2], found.title, str(found.minutes), str(slides)])
            begins += found.minutes
        assert heading(title.cells[0]).level == 1
    return rows


def planned(title: str) -> list[list[str]]:
    """The rows of the table in a section of INSTRUCTORS.md."""
    text = (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][1:]


def test_the_half_hour_is_that_of_the_notebooks():
    assert [row[:5] for row in planned("Thirty minutes, presented")] == presented()


def test_ninety_minutes_are_ninety_and_present_what_the_half_hour_does():
    rows = planned("Ninety minutes, at the keyboard")
    assert sum(int(row[0]) for row in rows) == 90
    talks = {row[1].removeprefix("present "): int(row[0]) for row in rows if row[1].startswith("present ")}
    minutes = {path.name[:2]: heading(read(path).cells[0]).minutes for path in HALF_HOUR}
    assert talks == {"00 and 01": minutes["00"] + minutes["01"], "02": minutes["02"], "03": minutes["03"]}


def test_the_exercises_of_the_ninety_minutes_are_the_first_of_their_notebooks():
    for _, what, *_ in planned("Ninety minutes, at the keyboard"):
        if named := re.findall(r"`(\w+)`", what.partition("exercises")[2]):
            path = next(path for path in HALF_HOUR if path.name.startswith(what[:2]))
            tasks = [course(cell).exercise for cell in read(path).cells if course(cell).get("role") == "task"]
            assert named == tasks[: len(named)]
