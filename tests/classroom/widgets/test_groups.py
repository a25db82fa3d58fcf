"""The widget of the groups: numbers worked by hand, both ends of the sliders, functions of one's own."""

import pytest
import torch

from course_lib.classroom.widgets.groups import group_demo


def heights(demo, name):
    return [round(bar[1, 1], 2) for bar in demo.pictured.bars[name].get_segments()]


def test_the_advantages_by_hand():
    demo = group_demo()
    demo.controls["first"].value = 1.0
    # A: 1, 0.1, 0, -0.1, the others of A1 have mean 0; of all seven others the sum is 0
    assert heights(demo, "RLOO")[0] == 1.0
    assert heights(demo, "REINFORCE")[0] == 1.0
    # mean 0.25, deviations 0.75, -0.15, -0.25, -0.35: spread sqrt(0.77 / 4) = 0.4387
    assert heights(demo, "GRPO")[:4] == [1.71, -0.34, -0.57, -0.8]
    assert "GRPO gives A1 +1.7 and A2 to A4 −0.3, −0.6, −0.8." in demo.says


def test_only_reinforce_takes_an_easy_prompt_for_a_good_text():
    demo = group_demo()
    before = {name: heights(demo, name) for name in demo.pictured.bars}
    demo.controls["easier"].value = 2.0
    after = {name: heights(demo, name) for name in demo.pictured.bars}
    assert after["RLOO"] == before["RLOO"]
    assert after["GRPO"] == before["GRPO"]
    assert all(new < old for new, old in zip(after["REINFORCE"][:4], before["REINFORCE"][:4], strict=True))


@pytest.mark.parametrize("name", ["first", "easier"])
def test_both_ends_of_each_slider_draw_another_picture(name):
    demo = group_demo()
    slider, seen = demo.controls[name], set()
    for value in (slider.min, slider.max):
        slider.value = value
        seen.add((demo.png, demo.says))
    assert len(seen) == 2


def test_functions_of_ones_own():
    demo = group_demo(rloo_advantages=lambda returns: returns - returns.mean(dim=1, keepdim=True))
    assert heights(demo, "RLOO")[0] == 0.75
    says = group_demo(grpo_advantages=lambda scores: torch.zeros(3)).says
    assert "Expected shape (2, 4) from your grpo_advantages" in says
