"""The pictures of the lab on verifiers show what was measured."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.mixed_groups import (
    draw_failed_length,
    draw_mixed_groups,
    say_failed_length,
    say_mixed_groups,
)
from course_lib.classroom.plots.verifiers import (
    pass_at_k_figure,
    pass_rate_figure,
    price_figure,
    say_pass_at_k,
    say_pass_rates,
    say_price,
)
from course_lib.classroom.style import styled
from course_lib.training.experiments.recordings import Recording


def recording(rule: str, method: str, seed: int, kl_coef: float = 0.0, *, ends: float = 1.0) -> Recording:
    """A run of two steps; before it one sample in four passes on one of two prompts, after it all or none."""
    metrics = {"step": [1, 2], "score": [0.1, ends], "mixed_groups": [0.25, 0.0], "failed_length": [10.0, 16.0]}
    if ends == 1:
        metrics["failed_length"][1] = None
    before = {"passed": [16, 0], "score": 0.1, "kl": 0.0}
    after = {"passed": [round(64 * ends)] * 2, "score": ends, "kl": 20.0}
    changes = {"pleased": rule, "method": method, "kl_coef": kl_coef}
    return Recording(f"{changes}", seed, changes, metrics, before, after, [])


RUNS = [
    recording(rule, method, seed, ends=ends)
    for rule, ends in (("easy", 0.5), ("hard", 1.0))
    for method in ("PPO", "RLOO", "GRPO")
    for seed in (0, 1)
]
RUNS += [recording("easy", "PPO", 0, 0.05, ends=0.25)]


def named(ax, name):
    return next(line for line in ax.lines if line.get_label() == name)


def test_a_panel_a_rule_and_a_line_a_method():
    easy, hard = pass_rate_figure(RUNS, kl_coef=0.0).axes
    assert [ax.get_title(loc="left") for ax in (easy, hard)] == ["easy", "hard"]
    # a running mean over neighbours, of which there are two
    assert np.allclose(named(easy, "RLOO").get_ydata(), [0.3, 0.3])
    assert np.allclose(named(hard, "GRPO").get_ydata(), [0.55, 0.55])
    says = "Share of the last batch that passes, means of the seeds: "
    assert (
        say_pass_rates(RUNS, kl_coef=0.0)
        == says + "easy PPO 50%, RLOO 50%, GRPO 50%; hard PPO 100%, RLOO 100%, GRPO 100%."
    )


def test_pass_at_k_before_and_after_by_any_estimator():
    easy, hard = pass_at_k_figure(RUNS).axes
    before = named(hard, "before").get_ydata()
    # one prompt of two passes at all, with a rate of 1/4 at k = 1
    assert (before[0], before[-1]) == (pytest.approx(1 / 8), pytest.approx(1 / 2))
    assert np.allclose(named(hard, "after RLOO").get_ydata(), 1)
    assert named(easy, "after PPO").get_ydata()[0] == pytest.approx(1 / 2), "the run with the penalty is left out"
    student = pass_at_k_figure(RUNS, pass_at_k=lambda passed, *, samples, k: passed / samples)
    assert np.allclose(named(student.axes[1], "before").get_ydata(), 1 / 8)
    assert "hard from 12.5% to 50%, after it 100% to 100%." in say_pass_at_k(RUNS)


def test_each_run_has_a_mark_beside_the_least_kl_and_a_hollow_one_with_the_penalty():
    easy, hard = price_figure(RUNS).axes
    least = hard.lines[0].get_xydata()
    assert np.allclose(least[0], [0, 1 / 8])
    assert np.allclose(least[-1], [np.log(8), 1])
    marks = [line for line in easy.lines[1:] if len(line.get_xdata())]
    assert len(marks) == 7
    assert [mark.get_markerfacecolor() == "white" for mark in marks].count(True) == 1
    assert "hard 20 nats where 2.1 would do." in say_price(RUNS)


def test_mixed_groups_lie_beside_the_curve_of_equal_prompts():
    with styled():
        ax = Figure().subplots()
    draw_mixed_groups(ax, RUNS, responses=4)
    curve = ax.lines[0].get_xydata()
    assert curve[np.abs(curve[:, 0] - 0.5).argmin(), 1] == pytest.approx(7 / 8, abs=0.01)
    assert named(ax, "hard").get_xydata()[:2].tolist() == [[0.1, 0.25], [1.0, 0.0]]
    assert "easy 25%, 25% and 0%; hard 25%, 25% and 0%." in say_mixed_groups(RUNS, responses=4)


def test_the_length_of_what_fails_ends_where_nothing_fails():
    with styled():
        ax = Figure().subplots()
    draw_failed_length(ax, [run for run in RUNS if run.changes["pleased"] == "hard"], methods=("GRPO",))
    lengths = np.ma.filled(np.ma.asarray(ax.lines[0].get_ydata(), dtype=float), np.nan)
    assert lengths[0] == 10
    assert np.isnan(lengths[1])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["GRPO"]
    ax.set_xlim(0, 20)
    assert all(step == round(step) for step in ax.get_xticks()), "no half steps"
    draw_failed_length(ax, [run for run in RUNS if run.changes["pleased"] == "easy"], methods=("PPO",))
    assert np.allclose(ax.lines[-1].get_ydata(), [10, 16])
    easy = [run for run in RUNS if run.changes["pleased"] == "easy"]
    assert "RLOO 10 in the first step and 13.0 over all." in say_failed_length(easy, methods=("PPO", "RLOO"))
