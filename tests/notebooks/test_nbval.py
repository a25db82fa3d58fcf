"""What `pytest --nbval` compares with the project's configuration: shown by a notebook whose outputs were changed."""

import re
import shutil
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from shared.notebooks import ROOT

from course_lib.publish.stored import write

UPDATED = (
    "from IPython.display import display\n"
    "shown = display({'text/plain': 'step 0'}, raw=True, display_id=True)\n"
    "shown.update({'text/plain': 'step 9'}, raw=True)"
)


def printed(text: str):
    return new_output("stream", name="stdout", text=text)


def displayed(text: str):
    return new_output("display_data", data={"text/plain": text})


# source, stored output, and whether they agree
CELLS = {
    "same text": ("print('KL 0.25')", printed("KL 0.25\n"), True),
    "other number": ("print('KL 0.25')", printed("KL 0.26\n"), False),
    "other time": (
        "print('28 steps, 1.72 s a step, 48 seconds')",
        printed("28 steps, 2.9 s a step, 81 seconds\n"),
        True,
    ),
    "other folder": ("print('see /tmp/a/report.html')", printed("see /home/me/runs/report.html\n"), True),
    "a share of one": ("print('1/2 of 3/4')", printed("1/3 of 3/4\n"), False),
    "updated": (UPDATED, displayed("step 9"), True),
    "as it was before the update": (UPDATED, displayed("step 0"), False),
    "ignored": ("# NBVAL_IGNORE_OUTPUT\nprint(1)", printed("2\n"), True),
}


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    """What pytest says of a notebook with these cells."""
    cells = [
        new_code_cell(source, id=name.replace(" ", "-"), outputs=[output], execution_count=i + 1)
        for i, (name, (source, output, _)) in enumerate(CELLS.items())
    ]
    path = tmp_path_factory.mktemp("notebooks") / "trial.ipynb"
    write(new_notebook(cells=cells), path)
    shutil.copy(ROOT / "conftest.py", path.parent)
    options = ["-c", "pyproject.toml", "-p", "no:cacheprovider", "-rA", "--color=no", "--nbval"]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(path)], cwd=ROOT, capture_output=True, text=True
    )
    return ran.stdout


@pytest.mark.parametrize("name", CELLS)
def test_text_is_compared_and_what_differs_between_machines_is_not(report, name):
    place = list(CELLS).index(name)
    (verdict,) = re.findall(rf"^(PASSED|FAILED) \S*::Cell {place}\b", report, flags=re.MULTILINE)
    assert (verdict == "PASSED") == CELLS[name][2]


def test_the_share_that_is_compared_is_said(report):
    assert "nbval compared 7 of 8 outputs (88%) of the notebooks' code cells" in report
