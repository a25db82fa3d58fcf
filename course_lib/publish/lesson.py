"""What a page and the contents need to know of a notebook, read from the notebook alone."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.training.files.errors import CourseError

TITLE = re.compile(r"# (?P<title>.+?)(?: \((?P<length>[^()]*\bmin)\))?$", re.MULTILINE)
HEADING = re.compile(r"^## (?P<title>.+?)(?: \((?P<length>\d+ min)\))?$", re.MULTILINE)
DEEPER = "Go deeper: "


@dataclass(frozen=True)
class Section:
    """A heading: the id of its cell, its title, its minutes if they are planned, and whether it goes deeper."""

    cell_id: str
    title: str
    length: str
    deeper: bool


@dataclass(frozen=True)
class Lesson:
    """A notebook with its title, how long it takes, and its sections."""

    name: str
    title: str
    length: str
    sections: list[Section]
    notebook: NotebookNode

    @property
    def number(self) -> str:
        """The number with which the name begins."""
        return self.name.partition("_")[0]

    @property
    def picture(self) -> str:
        """The first picture, a PNG file in base64."""
        outputs = [output for cell in self.notebook.cells for output in cell.get("outputs", [])]
        return next((output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})), "")


def read_lesson(path: Path) -> Lesson:
    """Read a notebook. CourseError where its first cell has no title."""
    notebook = nbformat.read(path, as_version=4)
    title = TITLE.match(notebook.cells[0].source) if notebook.cells else None
    if not title:
        raise CourseError(f"Expected {path} to begin with a title such as '# Clipped PPO (12 min)'; write one.")
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    sections = [section(cell.id, heading) for cell in texts for heading in HEADING.finditer(cell.source)]
    return Lesson(path.stem, title["title"], title["length"] or "", sections, notebook)


def section(cell_id: str, heading: re.Match) -> Section:
    """Take a heading apart."""
    title = heading["title"].removeprefix(DEEPER)
    return Section(cell_id, title[0].upper() + title[1:], heading["length"] or "", title != heading["title"])
