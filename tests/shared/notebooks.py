"""The course's notebooks, for the tests that hold for each of them, and what stands under each heading."""

from dataclasses import dataclass

import pytest
from nbformat import NotebookNode

from course_lib.publish.roles import Heading, heading
from course_lib.publish.stored import FOLDER, find, read
from course_lib.publish.terms import without_links

ROOT = FOLDER.parent
NOTEBOOKS = find([], FOLDER)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@dataclass
class Section:
    """A heading of the second level, and the cells from it to the next."""

    heading: Heading
    cells: list[NotebookNode]


def sections(notebook: NotebookNode) -> list[Section]:
    found = []
    for cell in notebook.cells:
        begins = heading(cell)
        if begins and begins.level == 2:
            found.append(Section(begins, []))
        if found:
            found[-1].cells.append(cell)
    return found


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell(notebook: str, cell_id: str) -> NotebookNode:
    (found,) = (member for path in find([notebook], FOLDER) for member in read(path).cells if member.id == cell_id)
    return found


def said(notebook: str, cell_id: str) -> str:
    """The text of a cell and of its notes, each line break a space, without the links of terms."""
    member = cell(notebook, cell_id)
    return " ".join(" ".join([without_links(member.source), *member.metadata.get("notes", {}).values()]).split())


def printed(notebook: str, cell_id: str) -> str:
    """What a cell printed when it was stored, and the sentences beside its pictures."""
    outputs = cell(notebook, cell_id).outputs
    return "\n".join(output.get("text") or output.data["text/plain"] for output in outputs)
