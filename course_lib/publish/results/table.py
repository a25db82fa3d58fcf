"""The results as a table for a spreadsheet: one row a student."""

import csv
import io
from collections.abc import Sequence

from course_lib.classroom.exercises.check import KNOWN
from course_lib.publish.results.asked import questions
from course_lib.publish.results.judge import LIBRARY, NOT_TRIED, PASSED, TRIED, Outcome
from course_lib.publish.results.marks import Marks
from course_lib.publish.results.student import Student

BEGIN_A_FORMULA = ("=", "+", "-", "@", "\t")


def class_table(students: Sequence[Student], marks: Marks) -> str:
    """The table as CSV, with a byte-order mark by which spreadsheets know UTF-8."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    columns = ["student", "marks", PASSED, LIBRARY, TRIED, "predictions", "choices", "to tell", *KNOWN, *questions()]
    writer.writerow(columns)
    for student in students:
        writer.writerow(map(harmless, row(student, marks)))
    return "\ufeff" + lines.getvalue()


def row(student: Student, marks: Marks) -> list[object]:
    """A student's row."""
    counts = [student.count(state) for state in (PASSED, LIBRARY, TRIED)]
    outcomes = [student.outcomes.get(name, Outcome(NOT_TRIED)) for name in KNOWN]
    return [
        student.name,
        f"{marks.of(student):g}",
        *counts,
        len(student.answers),
        len(student.choices),
        " ".join(student.told),
        *(f"{outcome.state}: {outcome.mistake}" if outcome.mistake else outcome.state for outcome in outcomes),
        *(student.answers.get(name, "") for name in questions()),
    ]


def harmless(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(BEGIN_A_FORMULA) else cell
