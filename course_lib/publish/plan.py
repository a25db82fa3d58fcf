"""The slides of a notebook, in their order and with the seconds planned for each, as its cells' metadata say.

A mark is `slideshow.slide_type` in a cell's metadata, as JupyterLab's property inspector sets it: "slide" begins a
section, "subslide" another slide of it, "fragment" appears on the slide at the next key, "skip" is left out; a cell
without a mark goes on with the slide before it. A note is `notes` in the metadata, beside the mark.
"""

from dataclasses import dataclass
from itertools import pairwise

from nbformat import NotebookNode

from course_lib.publish.roles import Heading, heading

# what a note may hold, and what it is called where the speaker reads it
NOTES = {"say": "Say", "expect": "Expect", "cut": "When late"}
SPOKEN = ("Say", "Expect")  # what is left out when late is not told
HIDE_INPUT = "hide-input"  # the tag of a cell whose output is the point, not its code


@dataclass(frozen=True)
class Slide:
    """The cells of a slide, the title of its section, and the second at which it starts and ends as planned."""

    cells: list[NotebookNode]
    section: str
    starts: int
    ends: int

    @property
    def notes(self) -> list[tuple[str, str]]:
        """What to say, what to expect and what to cut, each after the word that the speaker reads before it."""
        notes = [cell.metadata.get("notes", {}) for cell in self.cells]
        return [(word, note[name]) for note in notes for name, word in NOTES.items() if note.get(name)]


def clock(seconds: int) -> str:
    """Write seconds as minutes and seconds."""
    return f"{seconds // 60}:{seconds % 60:02}"


def slide_type(cell: NotebookNode) -> str:
    """Return a cell's mark, "" where it has none."""
    return cell.metadata.get("slideshow", {}).get("slide_type", "")


def plan(notebook: NotebookNode) -> list[list[Slide]]:
    """Return the slides of each section; they share its minutes evenly."""
    planned, start, title = [], 0, ""
    for group in group_cells(notebook):
        found = heading(group[0][0])
        title = found.title if found else title
        end = start + 60 * minutes(found)
        times = [round(start + (end - start) * place / len(group)) for place in range(len(group) + 1)]
        planned.append([Slide(cells, title, *times) for cells, times in zip(group, pairwise(times), strict=True)])
        start = end
    return planned


def minutes(found: Heading | None) -> int:
    """Return the minutes of a section's heading; the title's are those of all sections together."""
    return found.minutes if found and found.level > 1 else 0


def group_cells(notebook: NotebookNode) -> list[list[list[NotebookNode]]]:
    """Return the cells by section and slide, without those that are skipped."""
    groups = []
    for cell in notebook.cells:
        mark = slide_type(cell)
        if mark == "slide":
            groups.append([[cell]])
        elif mark == "subslide" and groups:
            groups[-1].append([cell])
        elif mark in ("", "fragment") and groups:
            groups[-1][-1].append(cell)
    return groups
