"""What a page and the contents need to know of a notebook, read from the notebook alone."""

from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from course_lib.publish.roles import DEEPER, Heading, course, heading
from course_lib.publish.stored import read
from course_lib.training.files.errors import CourseError


@dataclass(frozen=True)
class Section:
    """A heading: the id of its cell, its title, its minutes if they are planned, and whether it goes deeper."""

    cell_id: str
    title: str
    length: str
    deeper: bool


@dataclass(frozen=True)
class Lesson:
    """A notebook: its file's name, what other pages call it and say that one does there, its title and sections."""

    name: str
    called: str
    does: str
    title: str
    length: str
    sections: list[Section]
    notebook: NotebookNode

    @property
    def picture(self) -> str:
        """The first picture, a PNG file in base64."""
        outputs = [output for cell in self.notebook.cells for output in cell.get("outputs", [])]
        return next((output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})), "")


def read_lesson(path: Path) -> Lesson:
    """Read a notebook. CourseError where its first cell has no title."""
    notebook = read(path)
    title = heading(notebook.cells[0]) if notebook.cells else None
    if not title or title.level != 1:
        raise CourseError(f"Expected {path} to begin with a title such as '# Clipped PPO (12 min)'; write one.")
    said = course(notebook.cells[0])
    called = f"{path.stem.partition('_')[0]} {said.get('name', title.title)}"
    headings = [(cell.id, found) for cell in notebook.cells if (found := heading(cell)) and found.level > 1]
    sections = [section(cell_id, found) for cell_id, found in headings]
    return Lesson(path.stem, called, said.get("does", ""), title.title, title.length, sections, notebook)


def section(cell_id: str, found: Heading) -> Section:
    """Return a section without the words that all deeper ones begin with."""
    title = found.title.removeprefix(DEEPER)
    return Section(cell_id, title[0].upper() + title[1:], found.length, found.deeper)
