"""Presenting in JupyterLab: one key starts, slides follow each other, a slider moved by key moves its picture."""

import shutil
from importlib.util import find_spec

import pytest
from shared.lab import HEIGHT, Lab, serve, wait_until

from course_lib.publish import present
from course_lib.publish.stored import FOLDER, read, write

NAME = "02_clipped_ppo"
CELLS = ("title", "style", "clip-idea", "clip-predict", "clip-demo", "clip-answer", "probability-ratio-task")


@pytest.fixture
def live(browser, pictures, tmp_path, monkeypatch):
    """The slides of one section, in a JupyterLab with the settings of `make present`."""
    if find_spec("jupyterlab_slideshow") is None:
        pytest.skip("presenting needs jupyterlab-slideshow: pip install -c constraints.txt -e '.[present]'")
    notebook = read(FOLDER / f"{NAME}.ipynb")
    notebook.cells = [cell for cell in notebook.cells if cell.id in CELLS]
    (tmp_path / "notebooks").mkdir()
    write(notebook, tmp_path / "notebooks" / f"{NAME}.ipynb")
    monkeypatch.setattr(present, "FOLDER", tmp_path / "notebooks")
    present.write_live(tmp_path / "live")
    home = tmp_path / "jupyter"
    shutil.copytree(tmp_path / "live" / ".jupyterlab" / "settings", home / "settings")
    with serve(tmp_path / "live", home) as address:
        page = browser.new_page(viewport={"width": 1280, "height": HEIGHT})
        lab = Lab(page, address, tmp_path / "live", pictures)
        yield lab
        lab.shut_down()
        assert not lab.outside, "the slides asked for something over the network"


def seen(lab: Lab) -> list[str]:
    """The cells that the slide shows now."""
    return [name for name in lab.places if lab.cell(name).is_visible()]


def shows(lab: Lab, *names: str) -> None:
    wait_until(lambda: seen(lab) == list(names), f"the slide shows {names}, it showed {seen(lab)}")


def opacity(lab: Lab, name: str) -> float:
    """How much of a cell can be seen: a fragment keeps its place before it appears."""
    return lab.cell(name).evaluate("cell => +getComputedStyle(cell).opacity")


def minute(lab: Lab, name: str) -> str:
    """What is written over a cell."""
    return lab.cell(name).locator(".jp-CellHeader").evaluate("header => getComputedStyle(header, '::before').content")


def test_slides_with_live_widgets(live):
    live.open(NAME)
    live.cell("title").click()
    live.page.keyboard.press("F4")
    live.page.wait_for_selector("body[data-jp-deck-mode=presenting]", state="attached", timeout=180_000)
    shows(live, "title")
    live.page.keyboard.press("Space")
    shows(live, "clip-idea", "clip-predict")
    option = live.cell("clip-predict").get_by_role("button", name="(b) No: the objective still pushes it back")
    assert option.is_visible()
    tops = [button.bounding_box()["y"] for button in live.cell("clip-predict").get_by_role("button").all()]
    assert tops == sorted(set(tops))  # one under the other
    assert minute(live, "clip-idea") == '"minute 0:00 of 3"'
    assert not live.cell("clip-predict").locator(".jp-InputArea").is_visible()
    live.screenshot("live-prediction")
    live.page.keyboard.press("Space")  # from cell to cell of the same slide
    live.page.keyboard.press("Space")
    shows(live, "clip-demo", "clip-answer")
    assert minute(live, "clip-demo") == '"minute 1:30 of 3"'
    assert opacity(live, "clip-answer") == 0
    live.page.keyboard.press("Space")
    wait_until(lambda: opacity(live, "clip-answer") == 1, "the answer appears")
    assert live.cell("clip-answer").locator(".jp-MarkdownOutput p").is_visible()  # unfolded
    live.page.keyboard.press("Shift+Space")
    wait_until(lambda: opacity(live, "clip-answer") == 0, "the answer goes")
    assert not live.cell("clip-demo").locator(".jp-InputArea").is_visible()
    live.move("clip-demo", "advantage", "Home")
    assert "Advantage −2.0" in live.says("clip-demo")
    live.screenshot("live")
    live.cell("clip-demo").locator("img").first.click()  # the keys leave the slider
    live.page.keyboard.press("Space")
    wait_until(lambda: opacity(live, "clip-answer") == 1, "the answer appears")
    live.page.keyboard.press("Escape")
    live.page.wait_for_selector("body:not([data-jp-deck-mode=presenting])", state="attached")
