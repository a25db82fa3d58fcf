"""Writes the notebooks as slides that need no network and no kernel: `make slides`.

Beside each deck stands a page of its speaker notes, to be printed or read beside JupyterLab.
"""

import argparse
import sys
from pathlib import Path

from course_lib.publish.amount import Amount, amount
from course_lib.publish.decks import deck_page, notes_page
from course_lib.publish.lesson import read_lesson
from course_lib.publish.plan import plan
from course_lib.publish.stored import FOLDER, find
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

OUT = FOLDER.parent / "slides"


def write(path: Path, out: Path) -> Amount:
    """Write the slides and the notes of a notebook, and return how much there is to read and to say.

    CourseError where no cell is marked as a slide.
    """
    lesson = read_lesson(path)
    sections = plan(lesson.notebook)
    if not sections:
        raise CourseError(
            f"Expected {path.name} to have slides, but no cell is marked as one; "
            "set Slide Type in JupyterLab's property inspector."
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{lesson.name}.html").write_text(deck_page(lesson, sections), encoding="utf-8", newline="\n")
    (out / f"{lesson.name}-notes.html").write_text(notes_page(lesson, sections), encoding="utf-8", newline="\n")
    return amount(lesson.notebook, sections)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Write the slides of the notebooks that are named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.slides", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="the start of a notebook's name, such as 01")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write into (default: slides)")
    asked = parser.parse_args(arguments)
    for path in find(asked.names, FOLDER):
        print(f"{asked.out / path.stem}.html: {write(path, asked.out)}.")
    print("Open one in a browser: the arrow keys go on and back, S opens the speaker's window.")


if __name__ == "__main__":
    sys.exit(main())
