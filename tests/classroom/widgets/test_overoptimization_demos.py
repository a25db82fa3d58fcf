"""The pictures, tables and widgets of over-optimisation say what the recordings hold."""

import math
import re

import numpy as np
import pytest

from course_lib.classroom.gains import Gains, cut, stopped_early
from course_lib.classroom.plots.best_of_n import exact_best_of_n_kl, toy_kl_figure, toy_language
from course_lib.classroom.plots.overoptimization import (
    drawn_to,
    gold_figure,
    proxies_figure,
    say_gold,
    say_proxies,
)
from course_lib.classroom.plots.remedies import remedies_figure, say_remedies
from course_lib.classroom.texts_table import TextsTable
from course_lib.classroom.widgets.overoptimization import describe_fit, overoptimization_demo
from course_lib.classroom.widgets.walk import walk_demo
from course_lib.training.experiments.overoptimization import (
    BEST_OF_N,
    PPO,
    at_sample,
    by_pairs,
    distances,
    fit_gold,
    gold_at_start,
    over_distance,
)
from course_lib.training.experiments.recordings import Recording
from course_lib.training.experiments.scorers import load_scorers
from course_lib.training.files.errors import CourseError
from course_lib.training.texts import frequent_words

D = np.arange(7) / 2  # distances 0, 0.5, ... 3


def ppo_run(pairs: int, seed: int, *, alpha: float = 1.0, beta: float = 1.0, name: str = "", start: float = 0.0):
    """Seven steps on the RL form, moved by a hundredth for every seed; texts before steps 1, 3, 5 and 7."""
    d_log_d = D * np.log(np.where(D > 0, D, 1.0))
    gold = start + alpha * D - beta * d_log_d + 0.01 * seed
    metrics = {"step": [1, 2, 3, 4, 5, 6, 7], "kl": D**2, "score": 2 * D, "gold": gold, "judge": D / 10}
    metrics |= {"distinct_2": 0.8 - D / 10, "top_word_share": 0.1 + D / 10, "response_length": 20 - D}
    texts = [
        {
            "step": step,
            "prompt": "a <i>",
            "text": f"a <i> film {pairs} {step}",
            "score": 1.0,
            "gold": -2.0,
            "judge": 0.5,
        }
        for step in (1, 3, 5, 7)
    ]
    samples = texts * (seed == 0) + [texts[-1] | {"gap": True}]
    columns = {metric: list(values) for metric, values in metrics.items()}
    before = {"pair_accuracy": 0.5 + pairs / 1000 + 0.01 * seed}
    changes = {} if name else {"method": "ppo", "pairs": pairs}
    return Recording(name or f"ppo, {pairs} pairs", seed, changes, columns, before, {}, samples)


def best_of_n_run(pairs: int, seed: int):
    numbers = [1, 2, 4, 8, 16]
    kl = [math.log(n) - (n - 1) / n for n in numbers]
    gold = [0.5 + 2 * math.sqrt(x) - x for x in kl]
    metrics = {"n": numbers, "kl": kl, "score": kl, "gold": gold, "judge": [0.1] * 5}
    return Recording(f"best of n, {pairs} pairs", seed, {"method": "best-of-n", "pairs": pairs}, metrics, {}, {}, [])


@pytest.fixture(scope="module")
def recordings():
    runs = [ppo_run(pairs, seed, beta=beta) for pairs, beta in ((32, 2.0), (128, 1.0)) for seed in (0, 1, 2)]
    return [*runs, *(best_of_n_run(pairs, seed) for pairs in (128, 32) for seed in (0, 1, 2))]


def words(ax) -> list[str]:
    return [text.get_text().strip() for text in ax.texts]


def test_runs_are_grouped_by_pairs_few_to_many(recordings):
    assert list(by_pairs(recordings, BEST_OF_N)) == [32, 128]
    assert [run.seed for run in by_pairs(recordings, PPO)[128]] == [0, 1, 2]
    with pytest.raises(CourseError, match="'dpo', but there is none"):
        by_pairs(recordings, "dpo")


def test_a_negative_estimate_of_the_kl_counts_as_no_distance():
    run = Recording("", 0, {}, {"kl": [-0.1, 0.0, 9.0]}, {}, {}, [])
    assert distances(run).tolist() == [0.0, 0.0, 3.0]


def test_fits_find_the_curves_that_the_runs_lie_on(recordings):
    # seeds 0, 1, 2 lie 0, 0.01 and 0.02 above the form: 0.01 on average
    fit = fit_gold(by_pairs(recordings, PPO)[128], PPO, start=0.01)
    assert (fit.start, fit.alpha, fit.beta) == pytest.approx((0.01, 1.0, 1.0), abs=1e-6)
    assert fit.peak == pytest.approx(1.0, abs=1e-6)
    assert fit.error == pytest.approx(0.01 * math.sqrt(2 / 3), abs=1e-6)
    assert min(fit.peaks) < 1.0 < max(fit.peaks)
    parabola = fit_gold(by_pairs(recordings, BEST_OF_N)[32], BEST_OF_N, start=0.5)
    assert (parabola.alpha, parabola.beta, parabola.peak) == pytest.approx((2.0, 1.0, 1.0), abs=1e-6)
    assert parabola.gold(np.array([0.0, 1.0, 2.0])) == pytest.approx([0.5, 1.5, 0.5], abs=1e-6)


def test_gold_starts_where_the_first_points_are(recordings):
    assert gold_at_start(recordings, PPO) == pytest.approx(0.01)  # 0, 0.01 and 0.02
    assert gold_at_start(recordings, BEST_OF_N) == 0.5


def test_seeds_are_compared_at_equal_distances():
    near = Recording("", 0, {}, {"kl": [0.0, 1.0, 4.0], "gold": [0.0, 1.0, 2.0]}, {}, {}, [])
    far = Recording("", 1, {}, {"kl": [0.0, 16.0, 4.0], "gold": [0.0, 4.0, 2.5]}, {}, {}, [])  # it came back once
    grid, rows = over_distance([near, far], "gold")
    assert grid[-1] == 2.0
    assert rows[:, -1].tolist() == [2.0, 2.5]
    assert np.interp(1.0, grid, rows[1]) == pytest.approx(1.25)


def test_a_sample_belongs_to_the_step_before_which_it_was_written(recordings):
    run = by_pairs(recordings, PPO)[32][0]
    assert at_sample(run, "kl", {"step": 3}) == 1.0
    assert at_sample(run, "kl", {"step": 8}) == 9.0  # after the last step
    assert at_sample(by_pairs(recordings, BEST_OF_N)[32][0], "kl", {"n": 2}) == pytest.approx(0.193147, abs=1e-6)


def test_the_accuracies_of_the_proxies_stand_at_their_points(recordings):
    said = words(proxies_figure(recordings, load_scorers()).axes[0])
    assert {"54%", "64%"} <= set(said)  # 0.532 + 0.01 and 0.628 + 0.01
    assert "a person" in said
    assert "32 pairs 54%, 128 pairs 64%; VADER’s rules 67%, gold 80%, a person 83%." in say_proxies(
        recordings, load_scorers()
    )


def test_each_proxy_has_its_gold_curve_and_peaks_within_reach_are_marked(recordings):
    ax = gold_figure(recordings, PPO).axes[0]
    assert {"32 pairs", "128 pairs"} <= set(words(ax))
    marks = sorted(line.get_xdata()[0] for line in ax.lines if line.get_marker() == "v")
    # exp(1/2 - 1) and exp(1/1 - 1), both on the way
    assert marks == pytest.approx([0.606531, 1.0], abs=1e-3)
    # 1 + 0.01 at d = 1, 3 - 3 log 3 + 0.01 at the end
    assert "128 pairs +1.01 and −0.29" in say_gold(recordings, PPO)


def test_one_seed_alone_is_called_by_its_number(recordings):
    demo = overoptimization_demo([run for run in recordings if run.seed == 1], method=PPO)
    said = demo.show(pairs=128)
    assert "Against the proxy of 128 pairs (seed 1), gold" in said
    assert "peaks at √KL 1.0 and misses" in said


def test_toy_languages_are_distributions_over_all_texts():
    for length, texts in ((1, 4), (3, 64)):
        probabilities, scores = toy_language(length)
        assert len(probabilities) == len(scores) == texts
        assert probabilities.sum().item() == pytest.approx(1.0)


def test_a_small_language_ends_at_its_best_text_and_a_large_one_follows_the_formula():
    probabilities, scores = toy_language(1)
    surprise = -math.log(probabilities[scores.argmax()])
    assert exact_best_of_n_kl(1, 10**6) == pytest.approx(surprise, abs=1e-3)
    assert exact_best_of_n_kl(6, 16) == pytest.approx(1.835089, abs=0.02)  # log 16 - 15/16
    assert exact_best_of_n_kl(2, 1) == pytest.approx(0.0, abs=1e-12)


def test_the_toy_picture_names_every_language():
    assert {"4 texts", "64 texts", "log n − (n − 1)/n"} <= set(words(toy_kl_figure((1, 3)).axes[0]))


@pytest.mark.parametrize("method", [PPO, BEST_OF_N])
def test_the_demo_shows_one_proxy_at_a_time(recordings, method):
    demo, seen = overoptimization_demo(recordings, method=method), set()
    for pairs in (32, 128):
        demo.controls["pairs"].value = pairs
        assert f"proxy of {pairs} pairs (mean of 3 seeds" in demo.says
        shown = {count for count, artists in demo.artists.items() for artist in artists if artist.get_visible()}
        assert shown == {pairs}
        seen.add(demo.png)
    assert len(seen) == (2 if method == PPO else 1)  # the best-of-n runs are equal


def test_the_demo_says_where_gold_is_highest_and_where_it_ends(recordings):
    demo = overoptimization_demo(recordings, method=PPO)
    demo.controls["pairs"].value = 128
    # d - d log d + 0.01: 1.01 at d = 1, and 3 - 3 log 3 + 0.01 = -0.29 at the end, where the proxy has 6
    assert "gold is highest at √KL 1.0, +1.01 sd, and ends at −0.29, where the proxy says +6.00" in demo.says
    assert "peaks at √KL 1.0 (single seeds 1.0 to 1.0)" in demo.says


def test_a_fit_without_a_peak_within_reach_says_so(recordings):
    fit = fit_gold([ppo_run(32, seed, alpha=3.0) for seed in (0, 1)], PPO, start=0.0)
    assert "would peak at √KL 7.4, beyond the runs (hollow triangle)," in describe_fit(fit, end=5.0)  # exp(3 - 1)
    assert "has no peak within reach" in describe_fit(fit, end=4.0)
    assert drawn_to(fit, end=5.0) == fit.peak
    assert drawn_to(fit, end=4.0) == 4.0
    assert drawn_to(fit, end=8.0) == 8.0
    assert "peaks at √KL 7.4 (single seeds" in describe_fit(fit, end=8.0)
    rising = fit_gold([ppo_run(32, seed, beta=-1.0) for seed in (0, 1)], PPO, start=0.0)
    assert "has no peak within reach and misses" in describe_fit(rising, end=3.0)


def test_walking_moves_the_rings_and_shows_the_texts_escaped(recordings):
    demo = walk_demo(recordings)
    demo.controls["pairs"].value, demo.controls["step"].value = 128, 5
    assert "film 128 5" in demo.texts.value
    assert "<i>" not in demo.texts.value
    assert "&lt;i&gt;" in demo.texts.value
    assert [ring.get_xdata()[0] for ring in demo.rings] == [2.0] * 5
    assert [ring.get_ydata()[0] for ring in demo.rings] == pytest.approx([4.0, 2 - 2 * math.log(2), 0.6, 0.3, 18.0])
    assert "Before step 5 against the proxy of 128 pairs, at √KL 2.0: proxy +4.00, gold +0.61 sd, 60%" in demo.says
    assert "a (1), i (1), film (1), 128 (1), 5 (1)" in demo.says


def test_every_place_of_the_walk_differs(recordings):
    demo, seen = walk_demo(recordings), set()
    for pairs in (32, 128):
        for step in (1, 3, 5, 7):
            demo.controls["pairs"].value, demo.controls["step"].value = pairs, step
            assert demo.texts.value.count("<tr>") == 2  # not the text with the largest gap, which is of step 7 too
            seen.add((demo.png, demo.says, demo.texts.value))
    assert len({png for png, _, _ in seen}) == len({texts for _, _, texts in seen}) == 8


def test_frequent_words_are_counted_over_all_texts():
    assert frequent_words(["A great film.", "great, GREAT fun", "a film"], 2) == [("great", 3), ("a", 2)]


def test_gold_stands_between_proxy_and_judge_in_a_table():
    row = {"prompt": "a", "text": "a film", "score": 1.0, "gold": -2.0, "judge": 0.5}
    assert repr(TextsTable({"x": [row]})) == "x: a film (proxy +1.00, gold −2.00, judge +0.50)"
    said = re.findall(r"</span> (\w+)", TextsTable({"x": [row]})._repr_html_())
    assert said == ["proxy", "gold", "judge"]


@pytest.fixture(scope="module")
def remedies():
    runs = [ppo_run(512, seed, name="no remedy") for seed in (0, 1, 2)]
    return runs + [ppo_run(512, seed, name="ensemble, <worst>", beta=0.5) for seed in (0, 1, 2)]


def test_each_remedy_has_its_picture_over_the_run_without(remedies):
    figure = remedies_figure(remedies)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.axison]
    assert titles == ["ensemble, <worst>"]
    # at d = 3: 3 - 3 log 3 and 3 - 1.5 log 3, and 0.01
    assert "no remedy −0.29 at 3.0, ensemble, <worst> +1.36 at 3.0." in say_remedies(remedies)


def test_an_early_stop_ends_where_the_other_seeds_are_best(remedies):
    early = stopped_early([*remedies[:2], ppo_run(512, 2, beta=-1.0)])
    # the others are best near d = 1, with one that only rises: at the end, d = 3
    assert [len(run.metrics["kl"]) for run in early] == [7, 7, 4]
    assert len(cut(remedies[0], 1.5).metrics["gold"]) == 4
    assert len(cut(remedies[0], 0.1).metrics["gold"]) == 3  # no fewer than are averaged
    assert len(cut(remedies[0], math.inf).metrics["gold"]) == 7


def test_the_table_has_the_best_and_the_last_three_steps(remedies):
    table = Gains(remedies)
    assert list(table.gains) == ["no remedy", "early stop", "ensemble, <worst>"]
    usual = table.gains["no remedy"]
    # d - d log d at 0.5, 1, 1.5, 2, 2.5 and 3: 0.8466, 1, 0.8918, 0.6137, 0.2093 and -0.2958
    assert usual.best["gold"] == pytest.approx([0.9128, 0.9228, 0.9328], abs=1e-4)  # mean of 0.5 to 1.5
    assert usual.best["distance"] == pytest.approx([1.0] * 3)
    assert usual.end["gold"] == pytest.approx([0.1757, 0.1857, 0.1957], abs=1e-4)
    assert table.rows[0] == ["no remedy", "+0.92", "", "1.0", "+0.19", "", "2.5", "+0.25", "55%"]
    assert table.gains["early stop"].end["gold"].mean() > usual.end["gold"].mean()
    # d - 0.5 d log d at 2, 2.5 and 3: 1.3069, 1.3546 and 1.3521, 1.3378 on average, against 0.1757
    assert table.rows[2][4:6] == ["+1.35", "+1.16 (+1.16 to +1.16)"]
    assert "&lt;worst&gt;" in table._repr_html_()
    assert table._repr_html_().count("<tr>") == 4
    assert len(repr(table).splitlines()) == 3


def test_a_gain_is_against_the_same_seed(remedies):
    other = [ppo_run(512, seed, name="length term", alpha=1.0 + seed) for seed in (2, 0)]
    # at the end (d of 2, 2.5 and 3 on average 2.5) alpha is 0 and 2 higher
    assert Gains([*remedies[:3], *other]).rows[2][5] == "+2.50 (+0.00 to +5.00)"
