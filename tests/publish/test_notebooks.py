"""`make notebooks`: what it writes, and what it leaves alone."""

import json
import sys

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from shared.notebooks import code_cells

from course_lib.publish import notebooks
from course_lib.publish.notebooks import main, refresh
from course_lib.publish.stored import canonical, find, read, to_json, write
from course_lib.training.files.errors import CourseError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def trial(path, *sources):
    cells = [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(sources)]
    notebook = new_notebook(cells=[new_markdown_cell("# Trial", id="title"), *cells])
    notebook.metadata = {"kernelspec": {"name": "of-someone", "display_name": "x"}, "authors": ["me"]}
    write(notebook, path)
    return path


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory):
    """A notebook that was run, and its folder."""
    path = trial(
        tmp_path_factory.mktemp("notebooks") / "05_trial.ipynb",
        "import sys\n\nsys.executable",
        "import ipywidgets\n\nipywidgets.IntSlider(value=3)",
        "for i in range(3):\n    print(i, flush=True)",
        "from IPython.display import display\n\n"
        "shown = display({'text/plain': 'at first'}, raw=True, display_id=True)\n"
        "shown.update({'text/plain': 'in the end'}, raw=True)",
        "import asyncio\n\nprint(await asyncio.to_thread(lambda: 'from a thread'))",
    )
    notebook = read(path)
    notebook.cells[1].metadata["tags"] = ["nbval-ignore-output"]
    notebook.cells[1].metadata["collapsed"] = True
    write(notebook, path)
    refresh(path)
    return path


def outputs(path) -> list:
    return [cell.outputs for cell in code_cells(read(path))]


def test_it_runs_this_python_whatever_the_notebook_names(refreshed):
    assert outputs(refreshed)[0][0].data["text/plain"] == repr(sys.executable)


def test_outputs_are_what_a_reader_sees_in_the_end(refreshed):
    _, slider, printed, updated, thread = outputs(refreshed)
    assert list(slider[0].data) == ["text/plain"]  # the view of a widget is of no use without a kernel
    assert [output.text for output in printed] == ["0\n1\n2\n"]
    assert [output.data["text/plain"] for output in updated] == ["in the end"]
    assert thread[0].text == "from a thread\n"


def test_the_file_is_canonical(refreshed):
    text = refreshed.read_text()
    written = json.loads(text)
    assert written["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert (written["nbformat"], written["nbformat_minor"]) == (4, 5)
    assert [cell.get("execution_count") for cell in written["cells"]] == [None, 1, 2, 3, 4, 5]
    assert [cell["metadata"] for cell in written["cells"]] == [{}, {"tags": ["nbval-ignore-output"]}, {}, {}, {}, {}]
    assert WIDGET_VIEW not in text
    assert text.startswith('{\n "cells": [\n')
    assert text.endswith("}\n")


def test_a_second_run_changes_no_byte(refreshed):
    before = refreshed.read_bytes()
    refresh(refreshed)
    assert refreshed.read_bytes() == before


def test_a_cell_that_fails_is_named_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    path = trial(tmp_path / "01_fails.ipynb", "1 + 1", "{}['film']")
    before = path.read_bytes()
    monkeypatch.setattr(notebooks, "FOLDER", tmp_path)
    assert main(["01"]) == 2
    assert path.read_bytes() == before
    said = capsys.readouterr().err
    assert said == "01_fails.ipynb was left as it was, because its cell 'cell-1' failed: KeyError: 'film'\n"


def test_a_cell_that_does_not_end_is_named(tmp_path):
    path = trial(tmp_path / "01_waits.ipynb", "import time\n\ntime.sleep(60)")
    with pytest.raises(CourseError, match="cell 'cell-0' failed: it took longer than 1 seconds"):
        refresh(path, timeout=1)


def test_a_widget_alone_keeps_its_view_and_loses_it_beside_a_picture():
    cells = [new_code_cell(id="a"), new_code_cell(id="b")]
    for cell, data in zip(
        cells, ({WIDGET_VIEW: {"model_id": "1"}}, {WIDGET_VIEW: {}, "image/png": "AA=="}), strict=True
    ):
        cell.outputs = [new_output("display_data", data=data)]
    kept = [list(cell.outputs[0].data) for cell in canonical(new_notebook(cells=cells)).cells]
    assert kept == [[WIDGET_VIEW], ["image/png"]]


def test_letters_of_every_language_stay_readable():
    assert "λ ≤ 1" in to_json(canonical(new_notebook(cells=[new_markdown_cell("λ ≤ 1", id="a")])))


def test_notebooks_are_found_by_the_start_of_their_name(tmp_path):
    for name in ("00_welcome", "01_reward", "02_ppo"):
        (tmp_path / f"{name}.ipynb").touch()
    assert [path.stem for path in find([], tmp_path)] == ["00_welcome", "01_reward", "02_ppo"]
    assert [path.stem for path in find(["02", "notebooks/00_welcome.ipynb"], tmp_path)] == ["00_welcome", "02_ppo"]
    with pytest.raises(CourseError, match=r"got '07'; .* has 00_welcome, 01_reward, 02_ppo\."):
        find(["07"], tmp_path)
