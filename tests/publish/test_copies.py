"""The student's copies: fresh, up to date as long as nobody touched them, and never written over after that."""

import json

import pytest
from jupyter_core.paths import jupyter_config_path
from nbformat.v4 import new_code_cell, new_notebook, new_output
from shared.notebooks import NOTEBOOKS

from course_lib.publish import lab
from course_lib.publish.copies import GIVEN, lay_out
from course_lib.publish.stored import FOLDER, read, write

NAME = "02_clipped_ppo"


def publish(course, source: str, *, printed: str = "1\n") -> None:
    """Let the course's notebook have this source and this output."""
    cell = new_code_cell(source, id="demo", execution_count=1, outputs=[new_output("stream", text=printed)])
    cell.metadata |= {"notes": {"expect": "Right is (b)."}, "course": {"role": "stub"}}
    write(new_notebook(cells=[cell]), course / f"{NAME}.ipynb")


@pytest.fixture
def course(tmp_path):
    (tmp_path / "notebooks").mkdir()
    publish(tmp_path / "notebooks", "version = 1")
    return tmp_path / "notebooks"


@pytest.fixture
def mine(course):
    """The student's folder, laid out once."""
    folder = course.with_name("my_notebooks")
    assert lay_out(folder, course=course) == []
    return folder


def change(path) -> bytes:
    """Write something as a student does, and return what the file holds."""
    path.write_bytes(path.read_bytes().replace(b"version", b"my_own_version") + b"\r\n")
    return path.read_bytes()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("*.ipynb"))


def source(path) -> str:
    return read(path).cells[0].source


def test_a_copy_has_no_outputs_and_nothing_of_the_presenter_s(mine):
    (cell,) = read(mine / f"{NAME}.ipynb").cells
    assert (cell.source, cell.id, cell.outputs, cell.execution_count) == ("version = 1", "demo", [], None)
    assert cell.metadata == {"course": {"role": "stub"}}


def test_the_course_s_own_notebooks_stay_as_they_were(tmp_path):
    before = [path.read_bytes() for path in NOTEBOOKS]
    assert lay_out(tmp_path / "mine") == []
    assert [path.read_bytes() for path in NOTEBOOKS] == before
    assert names(tmp_path / "mine") == [path.name for path in NOTEBOOKS]


def test_the_folder_stands_beside_the_notebooks_and_links_and_imports_lead_where_they_did():
    assert lab.COPIES.parent == FOLDER.parent
    assert lab.COPIES.name in (FOLDER.parent / ".gitignore").read_text(encoding="utf-8").replace("/", "").split()


def test_a_changed_copy_is_kept_byte_by_byte(course, mine):
    kept = change(mine / f"{NAME}.ipynb")
    assert lay_out(mine, course=course) == []
    assert (mine / f"{NAME}.ipynb").read_bytes() == kept
    assert names(mine) == [f"{NAME}.ipynb"]


def test_a_new_version_replaces_a_copy_that_nobody_touched(course, mine):
    publish(course, "version = 2")
    assert lay_out(mine, course=course) == []
    assert source(mine / f"{NAME}.ipynb") == "version = 2"
    publish(course, "version = 3")
    assert lay_out(mine, course=course) == []
    assert source(mine / f"{NAME}.ipynb") == "version = 3"
    assert names(mine) == [f"{NAME}.ipynb"]


def test_a_new_version_is_laid_beside_a_changed_copy_and_told_once(course, mine):
    kept = change(mine / f"{NAME}.ipynb")
    publish(course, "version = 2")
    (told,) = lay_out(mine, course=course)
    assert told == (
        f"{NAME}.ipynb has changed in the course: yours is as you left it, and the new one is {NAME}.new.ipynb."
    )
    assert (mine / f"{NAME}.ipynb").read_bytes() == kept
    assert source(mine / f"{NAME}.new.ipynb") == "version = 2"
    assert lay_out(mine, course=course) == []


def test_work_in_the_new_one_is_kept_too(course, mine):
    change(mine / f"{NAME}.ipynb")
    publish(course, "version = 2")
    lay_out(mine, course=course)
    kept = change(mine / f"{NAME}.new.ipynb")
    publish(course, "version = 3")
    (told,) = lay_out(mine, course=course)
    assert told.endswith(f"the new one is {NAME}.new2.ipynb.")
    assert (mine / f"{NAME}.new.ipynb").read_bytes() == kept
    assert source(mine / f"{NAME}.new2.ipynb") == "version = 3"


def test_a_new_one_that_nobody_touched_is_brought_up_to_date_and_stays_away_when_deleted(course, mine):
    change(mine / f"{NAME}.ipynb")
    for version in ("version = 2", "version = 3"):
        publish(course, version)
        assert len(lay_out(mine, course=course)) == 1
    assert names(mine) == [f"{NAME}.ipynb", f"{NAME}.new.ipynb"]
    assert source(mine / f"{NAME}.new.ipynb") == "version = 3"
    (mine / f"{NAME}.new.ipynb").unlink()
    assert lay_out(mine, course=course) == []
    assert names(mine) == [f"{NAME}.ipynb"]


def test_other_outputs_are_no_new_version(course, mine):
    change(mine / f"{NAME}.ipynb")
    publish(course, "version = 1", printed="2\n")
    assert lay_out(mine, course=course) == []
    assert names(mine) == [f"{NAME}.ipynb"]


def test_a_copy_that_was_deleted_is_laid_out_again(course, mine):
    (mine / f"{NAME}.ipynb").unlink()
    assert lay_out(mine, course=course) == []
    assert source(mine / f"{NAME}.ipynb") == "version = 1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"02_clipped_ppo.ipynb": 1}', "\udcff"])
def test_a_damaged_list_of_copies_costs_no_work(course, mine, text):
    kept = change(mine / f"{NAME}.ipynb")
    (mine / GIVEN).write_bytes(text.encode(errors="surrogateescape"))
    damaged, changed = lay_out(mine, course=course)
    assert damaged.startswith(f"Expected {mine / GIVEN} to say which notebooks were copied, but it is damaged; ")
    assert changed.endswith(f"the new one is {NAME}.new.ipynb.")
    assert (mine / f"{NAME}.ipynb").read_bytes() == kept
    assert set(json.loads((mine / GIVEN).read_text(encoding="utf-8"))) == {f"{NAME}.new.ipynb"}
    assert lay_out(mine, course=course) == []


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_notebooks").write_text("no folder", encoding="utf-8")
    monkeypatch.setattr(lab, "COPIES", tmp_path / "my_notebooks")
    monkeypatch.setattr(lab.LabApp, "launch_instance", lambda options: pytest.fail("JupyterLab was opened"))
    assert lab.main([]) == 2
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(f"Expected to read and write {tmp_path / 'my_notebooks'}, but that failed")


def test_jupyterlab_opens_on_the_copies(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(lab, "COPIES", tmp_path / "my_notebooks")
    monkeypatch.setattr(lab.LabApp, "launch_instance", opened.extend)
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "school"))
    assert lab.main(["--no-browser"]) == 0
    assert jupyter_config_path()[:2] == [str(lab.CONFIG), str(tmp_path / "school")]
    assert capsys.readouterr().out == f"Your notebooks are in {tmp_path / 'my_notebooks'}.\n"
    assert names(tmp_path / "my_notebooks") == [path.name for path in NOTEBOOKS]
    assert opened == [
        f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.default_url=/lab/tree/my_notebooks",
        "--no-browser",
    ]
