import base64
import io

import numpy as np
import pytest
from PIL import Image

from course_lib.classroom import watch as module
from course_lib.classroom.plots.training import measured, running_mean, training_figure
from course_lib.classroom.watch import describe, saying, watch

RECORDS = [
    {"step": step, "loss": 1 / step} | ({"accuracy": step / 20} if step % 5 == 0 else {}) for step in range(1, 11)
]


class Handle:
    """Stands in for IPython's display: keeps what was shown first and what last."""

    def __init__(self):
        self.shown = []

    def display(self, value, *, display_id):
        self.update(value)
        return self

    def update(self, value):
        self.shown.append(value._repr_mimebundle_())


@pytest.fixture
def handle(monkeypatch):
    handle = Handle()
    monkeypatch.setattr(module, "display", handle.display)
    return handle


def test_all_records_come_back_and_the_last_picture_is_of_all_of_them(handle):
    assert watch(iter(RECORDS), "loss", "accuracy", marks={"loss": {"a coin": 0.69}}) == RECORDS
    first, last = handle.shown
    assert first["text/plain"] == last["text/plain"] == "Curves over the training steps: loss, accuracy."
    assert first["image/png"] != last["image/png"]
    assert Image.open(io.BytesIO(base64.b64decode(last["image/png"]))).width == pytest.approx(920, abs=50)


def test_redraws_are_rare(handle, monkeypatch):
    drawn = []
    draw = module.LiveCurves.draw
    monkeypatch.setattr(module.LiveCurves, "draw", lambda self, kept: (drawn.append(len(kept)), draw(self, kept)))
    watch(iter(RECORDS), "loss")
    assert drawn == [1, 10]


def test_an_interrupt_ends_it_with_what_has_come(handle):
    def interrupted():
        yield from RECORDS[:4]
        raise KeyboardInterrupt

    assert watch(interrupted(), "loss") == RECORDS[:4]
    assert len(handle.shown) == 2


def test_no_record_shows_nothing(handle):
    assert watch(iter([]), "loss") == []
    assert handle.shown == []


def test_the_words_say_first_and_last_value():
    assert (
        describe(RECORDS, ("loss", "accuracy")) == "After 10 steps: loss from 1.00 to 0.10, accuracy from 0.25 to 0.50."
    )
    assert describe(RECORDS[:2], ("accuracy",)) == "After 2 steps: nothing measured yet."


def test_only_measured_steps_are_drawn():
    steps, values = measured(RECORDS, "accuracy")
    assert steps.tolist() == [5, 10]
    assert values.tolist() == [0.25, 0.5]
    curve = training_figure(RECORDS, ("accuracy",), {}).axes[0].lines[1]
    assert curve.get_xdata().tolist() == [5, 10]


def test_the_running_mean_looks_back():
    assert running_mean(np.array([2.0, 4.0, 6.0, 8.0]), 2).tolist() == [2.0, 3.0, 5.0, 7.0]


class Said:
    """Stands in for a display of raw data, as notebooks have it."""

    def __init__(self):
        self.shown = []

    def display(self, data, *, raw, display_id):
        self.update(data, raw=raw)
        return self

    def update(self, data, *, raw):
        self.shown.append(data["text/plain"])


def test_what_a_cell_does_is_said_while_it_does_it_and_no_longer(monkeypatch):
    said = Said()
    monkeypatch.setattr(module, "display", said.display)
    with saying("Sampling"):
        assert said.shown == ["Sampling ..."]
    assert said.shown == ["Sampling ...", ""]


def test_a_cell_that_fails_no_longer_says_what_it_does(monkeypatch):
    said = Said()
    monkeypatch.setattr(module, "display", said.display)
    with pytest.raises(ZeroDivisionError), saying("Sampling"):
        1 / 0  # noqa: B018
    assert said.shown == ["Sampling ...", ""]
