import io
import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from course_lib.classroom.widgets.clip import clip_demo, value_and_gradient
from course_lib.equations.ppo import clipped_objective, kl_penalised_objective
from course_lib.training.files.errors import CourseError


def at(demo, **values):
    for name, value in values.items():
        demo.controls[name].value = value
    return demo.says


def test_every_corner_has_a_picture_and_a_sentence():
    demo = clip_demo(ratio=torch.tensor([0.5, 1.0, 9.0]), advantages=torch.tensor([-1.0, 2.0, 0.0]))
    controls = [demo.controls[name] for name in ("advantage", "at", "clip_eps")]
    pictures = set()
    for corner in itertools.product(*((control.min, control.max) for control in controls)):
        for control, value in zip(controls, corner, strict=True):
            control.value = value
        pictures.add(demo.png)
        assert demo.says.startswith("Advantage ")
    assert len(pictures) == 8


@pytest.mark.parametrize(
    ("advantage", "ratio", "words"),
    [
        (1.0, 1.4, "the clip binds. It is already more likely, past 1.20"),
        (1.0, 0.4, "on the wrong side"),
        (-1.0, 0.4, "the clip binds. It is already less likely, past 0.80"),
        (-1.0, 1.4, "on the wrong side"),
        (1.0, 1.1, "inside the band the clip does not act"),
        (0.0, 1.4, "nothing to learn"),
    ],
)
def test_the_sentence_says_whether_the_clip_binds(advantage, ratio, words):
    assert words in at(clip_demo(), advantage=advantage, at=ratio, clip_eps=0.2)


def test_a_demo_begins_at_the_advantage_that_is_asked_for():
    demo = clip_demo(advantage=-1.0)
    assert demo.says.startswith("Advantage −1.0, ratio 1.40")
    assert demo.right.point.get_xydata().tolist() == [pytest.approx([1.4, -1.0])]


def test_the_point_lies_on_both_curves():
    demo = clip_demo()
    at(demo, advantage=2.0, at=1.5, clip_eps=0.1)
    assert demo.left.point.get_xydata().tolist() == [pytest.approx([1.5, 2.2])]
    assert demo.right.point.get_xydata().tolist() == [pytest.approx([1.5, 0.0])]
    assert demo.left.band.get_x() == pytest.approx(0.9)


def test_the_point_is_whole_at_the_edge():
    def inked_at(ratio):
        demo = clip_demo(advantage=0.0, at=ratio)
        shown = pixels(demo)
        demo.left.point.set_visible(False)
        return int((shown != pixels(demo)).any(axis=-1).sum())

    assert inked_at(2.0) > 0.8 * inked_at(1.6)


def pixels(demo):
    return np.asarray(Image.open(io.BytesIO(demo.canvas.png())).convert("RGB"), dtype=int)


def test_the_cloud_counts_tokens_without_a_gradient():
    # pushed far enough up, and down; the third wants to return, the fourth is out of the picture and clipped
    ratio, advantages = torch.tensor([1.5, 0.5, 1.5, 3.0]), torch.tensor([1.0, -1.0, -1.0, 1.0])
    demo = clip_demo(ratio=ratio, advantages=advantages)
    assert "Of the 4 tokens of the batch 75% have no gradient" in demo.says
    assert "1 lie beyond ratio 2" in demo.says
    assert len(demo.left.clipped.get_xdata()) == 3
    assert "0% have no gradient" in clip_demo(lambda r, a, clip_eps: r * a, ratio, advantages).says


def test_the_gradient_is_that_of_the_objective_given():
    ratio, advantages = torch.tensor([1.5, 0.5]), torch.tensor([1.0, 1.0])
    assert value_and_gradient(clipped_objective, ratio, advantages, 0.2)[1].tolist() == [0.0, 1.0]

    def penalised(ratio, advantages, *, clip_eps):
        return kl_penalised_objective(ratio, advantages, penalty=3.0)

    # d/dr of r - 3 (r - 1 - log r) is 1 - 3 (1 - 1/r)
    assert value_and_gradient(penalised, ratio, advantages, 0.2)[1].tolist() == pytest.approx([0.0, 4.0], abs=1e-6)


def no_clip(ratio, advantages, *, clip_eps):
    return ratio * advantages


def stub(ratio, advantages, *, clip_eps):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (no_clip, "past 1.20, where the clipped objective is flat, but here the gradient +1.0"),
        (stub, "not written yet"),
        (lambda r, a, clip_eps: (r * a).mean(), "Expected shape (401,)"),
        (lambda r, a, clip_eps: (r * a).detach(), "without detach()"),
        (lambda r, a: r * a, "with TypeError"),
        (lambda r, a, clip_eps: 1.0, "a float came"),
        (lambda r, a, clip_eps: torch.log(r - 5), "infinite or NaN"),
        (lambda r, a, clip_eps: r * a[:, 5], "with IndexError"),
    ],
)
def test_an_objective_of_ones_own(objective, words):
    demo = clip_demo(objective)
    assert words in demo.says
    demo.controls["clip_eps"].value = 0.5


def test_a_broken_objective_leaves_no_curve_behind():
    switch = {"broken": False}

    def objective(ratio, advantages, *, clip_eps):
        if switch["broken"]:
            raise ZeroDivisionError("a")
        return ratio * advantages

    demo = clip_demo(objective)
    switch["broken"] = True
    at(demo, clip_eps=0.3)
    assert len(demo.left.curve.get_xdata()) == 0
    assert "ZeroDivisionError" in demo.says


@pytest.mark.parametrize(
    ("ratio", "advantages"),
    [(torch.ones(3), None), (torch.ones(3), torch.ones(4)), (torch.ones(2, 3), torch.ones(2, 3))],
)
def test_a_cloud_needs_one_ratio_and_one_advantage_a_token(ratio, advantages):
    with pytest.raises(CourseError, match="one number for each token"):
        clip_demo(ratio=ratio, advantages=advantages)
