"""Each widget on a laptop's screen and in a narrow window, and the cockpit when its kernel dies."""

import os
import signal

import pytest
from nbformat.v4 import new_code_cell, new_notebook
from shared.lab import wait_until

from course_lib.bench.widgets import WIDGETS
from course_lib.publish.stored import canonical, write

LAPTOP, NARROW = {"width": 1280, "height": 800}, {"width": 600, "height": 800}
COCKPIT = """from course_lib.classroom.widgets.cockpit import Cockpit
cockpit = Cockpit()
cockpit"""
ANNOTATOR = """from course_lib.classroom.choices import TextPair
from course_lib.classroom.widgets.annotator import Annotator
Annotator([TextPair("A film that", "A film that goes on for too long", "A film that is a moving portrait")])"""
PREDICT = """from course_lib.classroom.widgets.predict import predict
predict("clip-predict")"""
CHECK = """from course_lib.classroom.exercises.check import check
def my_k1(logprobs, ref_logprobs):
    return ref_logprobs - logprobs
check(my_k1)"""
# the playback stands on pages only, in the cockpit's place
CELLS = {name.replace("_", "-"): f"WIDGETS[{name!r}]()" for name in WIDGETS if name != "playback"}
CELLS |= {"cockpit": COCKPIT, "annotator": ANNOTATOR, "predict": PREDICT, "check": CHECK}
SHOWN = list(CELLS)
CELLS |= {"imports": "from course_lib.bench.widgets import WIDGETS", "process": "import os\nprint(os.getpid())"}
# what of an output's controls and words cannot be used: beside the window, cut off, or too short to be moved
UNUSABLE = """output => {
  const right = output.getBoundingClientRect().right;
  const all = selector => [...output.querySelectorAll(selector)].filter(element => element.offsetWidth);
  const wrong = {
    "sticks out": all(".jupyter-widgets, p, pre").filter(element => element.getBoundingClientRect().right > right + 1),
    "is cut off": all("button, .widget-label").filter(element => element.scrollWidth > element.clientWidth + 1),
    "is too short": all(".slider-container").filter(element => element.offsetWidth < 100),
    "breaks words": all("p, pre, div").filter(element => getComputedStyle(element).wordBreak == "break-all"),
  };
  const named = (what, element) => `${element.className} ${element.innerText.slice(0, 20)} ${what}`;
  return Object.entries(wrong).flatMap(([what, found]) => found.map(element => named(what, element)));
}"""


@pytest.fixture
def gallery(lab, notebooks):
    """A notebook with every widget in a cell of its own."""

    def run(*names):
        cells = [new_code_cell(CELLS[name], id=name) for name in names]
        write(canonical(new_notebook(cells=cells)), notebooks / "gallery.ipynb")
        lab.page.set_viewport_size(LAPTOP)
        lab.open("gallery")
        lab.run_all()
        return lab

    return run


def output(lab, name):
    return lab.cell(name).locator(".jp-OutputArea").first


def look_at(lab, name, picture):
    """Bring the beginning of an output to the top of the notebook's panel, and leave a picture."""
    output(lab, name).evaluate("element => element.scrollIntoView({block: 'start'})")
    lab.page.wait_for_timeout(200)
    lab.screenshot(picture)


def test_controls_picture_and_words_of_each_widget_are_on_one_screen(gallery):
    lab = gallery("imports", *SHOWN)
    lab.click("One step", "cockpit")
    lab.wait_for("cockpit", r"Paused\. Step 1 of")
    panel = lab.page.locator(".jp-WindowedPanel-outer").bounding_box()
    for name in SHOWN:
        look_at(lab, name, f"laptop-{name}")
        assert output(lab, name).bounding_box()["height"] <= panel["height"], name
        assert output(lab, name).evaluate(UNUSABLE) == [], name
    lab.page.set_viewport_size(NARROW)
    for name in SHOWN:
        look_at(lab, name, f"narrow-{name}")
        assert output(lab, name).evaluate(UNUSABLE) == [], name


def test_the_cockpit_of_a_dead_kernel_does_not_say_that_it_runs(gallery):
    lab = gallery("cockpit", "process")
    lab.click("Start", "cockpit")
    lab.wait_for("cockpit", r"Running\.")
    lab.page.wait_for_timeout(20_000)  # each step is a sign of life, and a long one gives several
    assert "No sign of life" not in output(lab, "cockpit").inner_text()
    os.kill(int(output(lab, "process").inner_text()), signal.SIGKILL)
    lab.wait_for("cockpit", "No sign of life for 15 seconds", seconds=30)
    wait_until(lambda: "Running" not in output(lab, "cockpit").inner_text(), "the cockpit does not run")
    lab.screenshot("dead-cockpit")
