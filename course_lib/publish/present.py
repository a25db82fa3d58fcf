"""Opens a notebook in JupyterLab as slides whose widgets are live: `make present ARGS=02`.

What opens is a copy in slides/live, with larger type, the code hidden where the picture or the question is the
point, and the answers unfolded; the course's own notebooks, and the settings of `make lab`, stay as they are.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from nbformat import NotebookNode

from course_lib.publish.plan import HIDE_INPUT, clock, plan, slide_type
from course_lib.publish.roles import marked, role, unfolded
from course_lib.publish.slides import OUT
from course_lib.publish.stored import FOLDER, find, read, write
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

LIVE = OUT / "live"
STYLES = "@deathbeds/jupyterlab-fonts"  # where jupyterlab-slideshow looks for styles
PICTURE = {  # without its code, no higher than leaves room for the controls above it, and with large words
    ".jp-Cell-inputWrapper": {"display": "none"},
    "img": {"max-height": "420px", "width": "auto"},
    ".course-option": {"font-size": "22px"},
    "p": {"font-size": "20px"},
}
MARKED = {"background-color": "#fdeebf", "color": "black"}
MINUTE = {"display": "block", "text-align": "right", "font-size": "16px", "color": "#767676"}
# The key F4 runs the notebook, goes to its first cell, and shows it as slides.
STEPS = ["notebook:run-all-cells", "notebook:extend-marked-cells-top", "notebook:deselect-all", "deck:start"]
START = {"command": "apputils:run-all-enabled", "args": {"commands": STEPS}, "keys": ["F4"], "selector": "body"}
SETTINGS = {
    "@jupyterlab/apputils-extension/themes": {
        "overrides": {"content-font-size1": "22px", "code-font-size": "24px", "ui-font-size1": "15px"}
    },
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "codeCellConfig": {"lineWrap": True}},
    "@jupyterlab/shortcuts-extension/shortcuts": {"shortcuts": [START]},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}


def live(notebook: NotebookNode) -> NotebookNode:
    """Return the slides of a notebook and the code before them, answers unfolded and code hidden where tagged so.

    Each slide says the minute that is planned for it; lines of code that are marked are told apart.
    """
    minutes, cells = planned_minutes(notebook), notebook.cells
    while cells and slide_type(cells[-1]) == "skip":
        cells.pop()
    notebook.cells = [cell for cell in cells if cell.cell_type == "code" or slide_type(cell) != "skip"]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = unfolded(cell.source, cell)
        if styles := minutes.get(cell.id, {}) | looks(cell):
            cell.metadata[STYLES] = {"styles": styles}
    return notebook


def planned_minutes(notebook: NotebookNode) -> dict[str, dict]:
    """Return the style that writes the planned minute over the first cell of each slide; none where none is planned."""
    slides = [slide for section in plan(notebook) for slide in section]
    if not slides or not slides[-1].ends:
        return {}
    said = {slide.cells[0].id: f"'minute {clock(slide.starts)} of {slides[-1].ends // 60}'" for slide in slides}
    return {name: {".jp-CellHeader::before": {"content": words} | MINUTE} for name, words in said.items()}


def looks(cell: NotebookNode) -> dict[str, dict]:
    """Return the style of a cell whose code is hidden, or has marked lines."""
    if cell.cell_type == "code" and (HIDE_INPUT in cell.metadata.get("tags", []) or role(cell) == "prediction"):
        return PICTURE
    return {f".cm-line:nth-child({line})": MARKED for line in marked(cell)}


def write_live(folder: Path = LIVE) -> None:
    """Write the copies of all notebooks, and the settings of the JupyterLab that shows them."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in find([], FOLDER):
        write(live(read(path)), folder / path.name)
    for name, values in SETTINGS.items():
        path = folder / ".jupyterlab" / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


def environment(folder: Path = LIVE) -> dict[str, str]:
    """Return the environment in which JupyterLab keeps settings and layout with the copies."""
    own = {f"JUPYTERLAB_{kind.upper()}_DIR": str(folder / ".jupyterlab" / kind) for kind in ("settings", "workspaces")}
    return os.environ | own


@entry_point
def main(arguments: list[str] | None = None) -> int:
    """Write the copies and open one; returns JupyterLab's exit code."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.present", description=__doc__)
    parser.add_argument("name", nargs="?", default="00", help="the start of a notebook's name (default: 00)")
    asked, options = parser.parse_known_args(arguments)
    if find_spec("jupyterlab_slideshow") is None:
        raise CourseError("Expected jupyterlab-slideshow; install it: pip install -c constraints.txt -e '.[present]'")
    path = find([asked.name], FOLDER)[0]
    write_live()
    print("F4 runs the notebook and shows it as slides: Space goes on, Shift+Space goes back, Escape ends them.")
    command = [sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={LIVE}"]
    command += [f"--LabApp.default_url=/lab/tree/{path.name}", *options]
    with tempfile.TemporaryDirectory() as runtime:  # a home that cannot be written to will do
        return subprocess.call(command, env=environment() | {"JUPYTER_RUNTIME_DIR": runtime})


if __name__ == "__main__":
    sys.exit(main())
