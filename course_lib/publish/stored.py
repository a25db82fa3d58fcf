"""The notebooks as files: found, read, and written in a form that changes only where something has changed."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_lib.training.files.errors import CourseError
from course_lib.training.files.write import write_text

FOLDER = Path(__file__).parents[2] / "notebooks"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
KEPT = ("course", "notes", "slideshow", "tags")  # of a cell's metadata: its role, and what a presenter needs


def find(names: list[str], folder: Path = FOLDER) -> list[Path]:
    """Return the notebooks of a folder whose names begin so, or all. CourseError where there is none."""
    paths, starts = sorted(folder.glob("*.ipynb")), [Path(name).name for name in names] or [""]
    for start in starts:
        if not any(path.name.startswith(start) for path in paths):
            known = ", ".join(path.stem for path in paths) or "nothing"
            raise CourseError(f"Expected the name of a notebook, but got {start!r}; {folder} has {known}.")
    return [path for path in paths if path.name.startswith(tuple(starts))]


def read(path: Path) -> NotebookNode:
    """Read a notebook."""
    return nbformat.read(path, as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    write_text(path, to_json(notebook))


def to_json(notebook: NotebookNode) -> str:
    """Turn a notebook into text in which a changed line of a cell is a changed line of the file."""
    return nbformat.writes(notebook, indent=1, sort_keys=True, ensure_ascii=False).rstrip("\n") + "\n"


def canonical(notebook: NotebookNode) -> NotebookNode:
    """Take away whatever differs from run to run, or says who ran it, and return the notebook."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata = NotebookNode({name: cell.metadata[name] for name in KEPT if cell.metadata.get(name)})
        for output in cell.get("outputs", []):
            if len(output.get("data", {})) > 1:
                output.data.pop(WIDGET_VIEW, None)
    nbformat.validate(notebook)
    return notebook
