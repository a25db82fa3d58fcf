"""Small panels of recorded metrics: every run a thin line, every group its mean."""

import numpy as np
import pytest

from course_lib.classroom.plots.recorded_curves import curves_figure
from course_lib.classroom.style import NEGATIVE, POLICY
from course_lib.training.experiments.recordings import Recording


def run(seed: int, score: list[float], kl: list[float]) -> Recording:
    return Recording("", seed, {}, {"step": [1, 2], "score": score, "kl": kl}, {}, {}, [])


GROUPS = {"ours": [run(0, [0.0, 1.0], [0.0, 2.0]), run(1, [2.0, 3.0], [0.0, 4.0])], "other": [run(0, [5, 5], [7, 7])]}


def test_each_panel_draws_every_run_and_the_mean_of_its_group():
    score, kl = curves_figure(GROUPS, score="Score (sd)", kl="KL (nats)").axes
    assert (score.get_title(loc="left"), kl.get_title(loc="left")) == ("Score (sd)", "KL (nats)")
    thick = {line.get_label(): line for line in score.lines if not line.get_label().startswith("_")}
    assert np.allclose(thick["ours"].get_xydata(), [[1, 1.0], [2, 2.0]])
    assert (thick["ours"].get_color(), thick["other"].get_color()) == (POLICY, NEGATIVE)
    drawn = [line.get_ydata() for line in kl.lines]
    assert all(any(np.allclose(ys, row) for ys in drawn) for row in ([0, 2], [0, 4], [0, 3], [7, 7]))


def test_names_stand_over_the_panels_where_there_are_several_groups():
    (legend,) = curves_figure(GROUPS, score="Score").legends
    assert [text.get_text() for text in legend.get_texts()] == ["ours", "other"]
    assert not curves_figure({"ours": GROUPS["ours"]}, score="Score").legends


def test_more_groups_than_colours_are_refused():
    with pytest.raises(ValueError, match="at most 3 groups, got 4"):
        curves_figure(dict.fromkeys("abcd", GROUPS["ours"]), score="Score")
