"""Marks by a table that the teacher may edit: `marks.csv`, a line for each thing that counts, with its points."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from course_lib.classroom.exercises.check import EXERCISES, KNOWN
from course_lib.publish.results.judge import LIBRARY, PASSED
from course_lib.publish.results.student import ASKED, Student
from course_lib.training.files.errors import CourseError
from course_lib.training.files.rows import csv_rows, read_text
from course_lib.training.files.write import write_text

FILE, COLUMNS = "marks.csv", ("what", "points")
PREDICTION, CHOICE, SHARE = "each prediction answered", "each choice made", "share for the library's"
DEFAULTS = {name: 1.0 if name in EXERCISES else 3.0 for name in KNOWN} | {"train_ppo": 5.0}
DEFAULTS |= {PREDICTION: 0.2, CHOICE: 0.05, SHARE: 0.0}


@dataclass(frozen=True)
class Marks:
    """The points of each exercise by its name, of a prediction, of a choice, and what of them the library's gets.

    No more choices count than the course asks, since nothing tells whether they were made by hand.
    """

    points: dict[str, float]

    def of(self, student: Student) -> float:
        """A student's points; each prediction counts once, whether it came true or not."""
        share = {PASSED: 1.0, LIBRARY: self.points[SHARE]}
        earned = [self.points[name] * share.get(outcome.state, 0.0) for name, outcome in student.outcomes.items()]
        chosen = self.points[CHOICE] * min(len(student.choices), ASKED)
        return sum(earned) + self.points[PREDICTION] * len(student.answers) + chosen


def read_marks(folder: Path) -> Marks:
    """Read a folder's table of marks, and write one where there is none.

    Raises:
        CourseError: the table is damaged, or names what is no exercise.
    """
    path = folder / FILE
    if not path.exists():
        write_text(path, table(DEFAULTS))
        return Marks(DEFAULTS)
    text, _ = read_text(path)
    rows, places = csv_rows(text, path, ",;\t")
    points = dict(DEFAULTS) | dict.fromkeys(KNOWN, 0.0) | {PREDICTION: 0.0, CHOICE: 0.0}
    named: set[str] = set()
    for given, place in zip(rows, places, strict=True):
        row = {column.strip(): value.strip() for column, value in given.items()}
        if not any(row.values()):  # as a spreadsheet leaves a line that was emptied
            continue
        if set(row) != set(COLUMNS) or row["what"] not in DEFAULTS:
            raise CourseError(
                f"Expected an exercise, or {PREDICTION!r}, {CHOICE!r} or {SHARE!r}, and its points in {place} of "
                f"{path}, but {list(row.values())!r:.60} came; delete the file, and it is written anew."
            )
        if row["what"] in named:
            raise CourseError(f"Expected a line for {row['what']!r} in {path}, but {place} is another; delete one.")
        named.add(row["what"])
        points[row["what"]] = number(row["points"], f"{place} of {path}")
    return Marks(points)


def number(text: str, place: str) -> float:
    """Points as a teacher writes them, with a point or a comma. CourseError where they are none."""
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = math.nan
    if not (math.isfinite(points) and points >= 0):
        raise CourseError(
            f"Expected a number of points in {place}, 0 or more, but {text!r:.40} came; write 1 or 0.5, say."
        )
    return points


def table(points: dict[str, float]) -> str:
    """The table as CSV."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((what, f"{each:g}") for what, each in points.items())
    return lines.getvalue()
