"""Recorded runs played back: what is said and shown at a step is what the run had at that step."""

import pytest

from course_lib.classroom.live_run import recorded_runs
from course_lib.classroom.widgets.playback import playback
from course_lib.training.experiments.recordings import records_of


@pytest.fixture(scope="module")
def widget():
    return playback(recorded_runs())


def test_it_opens_at_the_end_of_the_default_run(widget):
    assert (widget.controls["kl_coef"].value, widget.controls["step"].value) == (0.12, 20)
    assert widget.says.startswith("A recorded run with a KL coefficient of 0.12. Step 20 of 20: score +1.32 sd")


@pytest.mark.parametrize(("kl_coef", "step"), [(0.0, 1), (0.05, 7), (0.5, 20)])
def test_a_step_shows_the_run_as_far_as_it_had_come(widget, kl_coef, step):
    widget.controls["kl_coef"].value, widget.controls["step"].value = kl_coef, step
    records = records_of(recorded_runs()[kl_coef])
    score, *_ = widget.curves.moving[0]
    assert score.get_ydata().tolist() == [record["score"] for record in records[:step]]
    assert f"coefficient of {kl_coef:g}. Step {step} of 20: " in widget.says
    assert f'alt="{widget.says}"' in widget.picture.value


def test_before_the_first_step_no_curve_is_drawn(widget):
    widget.controls["step"].value = 0
    assert widget.says.endswith("Before the first step.")
    assert all(len(curve.get_xdata()) == 0 for curve, *_ in widget.curves.moving)


def test_the_texts_are_those_of_the_run(widget):
    run = recorded_runs()[0.0]
    widget.controls["kl_coef"].value = 0.0
    for sample in run.samples:
        end = sample["after"].removeprefix(sample["prompt"]).split()[-1].rstrip(".,")
        assert end in widget.texts.value
    assert "After step 20" in widget.texts.value


def test_no_run_leaves_the_picture(widget):
    canvas = widget.curves.canvas
    for kl_coef in recorded_runs():
        widget.controls["kl_coef"].value, widget.controls["step"].value = kl_coef, 20
    assert widget.curves.canvas is canvas
