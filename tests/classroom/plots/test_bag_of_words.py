"""The curves of the bag of words and of DPO's two log-ratios: what stands where, and the sentences beside them."""

import pytest
from matplotlib.figure import Figure

from course_lib.classroom.plots.bag_of_words import bag_of_words_figure, say_bag_of_words
from course_lib.classroom.plots.log_ratios import draw_log_ratios, say_log_ratios
from course_lib.training.experiments.recordings import Recording

STEPS = [1, 2, 3, 4]


def run(seed, before=None, **metrics) -> Recording:
    return Recording("run", seed, {}, {"step": STEPS} | metrics, before or {}, {}, [])


@pytest.fixture
def bags():
    looks_on = {"reward_model": [0.0, 1.0, 1.0, 1.0], "distinct_2": [0.8, 0.6, 0.4, 0.1]}
    return [
        run(0, {"highest_review": 4.0}, score=[0.0, 2.0, 4.0, 6.0], **looks_on),
        run(1, {"highest_review": 6.0}, score=[0.0, 4.0, 6.0, 9.0], **looks_on),
    ]


def test_the_line_is_the_mean_of_the_seeds_and_the_dashes_the_mean_of_the_highest_reviews(bags):
    left, right = bag_of_words_figure(bags).axes
    score, people, highest = left.lines
    assert score.get_ydata().tolist() == [0, 3, 5, 7.5]
    assert people.get_ydata().tolist() == [0, 1, 1, 1]
    assert set(highest.get_ydata()) == {5.0}
    assert right.lines[0].get_ydata().tolist() == [0.8, 0.6, 0.4, 0.1]


def test_the_sentence_says_the_last_step(bags):
    assert say_bag_of_words(bags) == (
        "At the end the bag of words says +7.5 sd, people’s reward model +1.0 sd, and 10% of the word pairs differ."
    )


def test_log_ratios_are_drawn_in_a_panel_for_each_name_and_said_for_both_passes():
    ratios = {"chosen_log_ratio": [0.0, -1.0, 1.0, 2.0], "rejected_log_ratio": [0.0, -2.0, -3.0, -4.0]}
    runs, figure = {"slow": [run(0, **ratios)]}, Figure()
    ax = figure.subplots()
    draw_log_ratios([ax], runs)
    assert [line.get_ydata().tolist() for line in ax.lines[:2]] == list(ratios.values())
    assert "Log-ratio (nats), slow" in (ax.get_title(), ax.get_title(loc="left"))
    assert say_log_ratios(runs).endswith("slow: chosen −1.0, then +2.0; rejected −2.0, then −4.0.")
