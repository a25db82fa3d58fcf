"""What the prose and notes of notebooks 04 and 05 say in figures is what the recordings and their cells say."""

import math
import re

import numpy as np
import pytest
from shared.notebooks import printed, said

from course_lib.classroom.gains import Gains
from course_lib.classroom.plots.overoptimization import accuracies
from course_lib.training.experiments.overoptimization import BEST_OF_N, PPO, by_pairs, fit_gold, gold_at_start
from course_lib.training.experiments.recordings import by_name, load_recording
from course_lib.training.experiments.scorers import SHIPPED, load_scorers
from course_lib.training.settings import RunSettings


@pytest.fixture(scope="module")
def runs():
    """The runs against proxies, by method and pairs."""
    recordings = load_recording("overoptimization")
    return {method: by_pairs(recordings, method) for method in (BEST_OF_N, PPO)}


def at_end(runs, metric):
    return np.array([run.metrics[metric][-1] for run in runs])


def test_how_good_the_proxies_are():
    means, seen = (
        {pairs: seeds.mean() for pairs, seeds in accuracies(load_recording("overoptimization")).items()},
        said("04", "proxies-seen"),
    )
    scorers = load_scorers()
    assert f"32 pairs of that say little: {means[32]:.0%}" in seen
    assert f"with 8,192 it is right in {means[8192]:.0%}. Gold, at {scorers[SHIPPED]:.0%}" in seen
    assert means[2048] == pytest.approx(scorers["VADER's rules"], abs=0.01), "level with VADER's rules"
    assert scorers["one person"] - scorers[SHIPPED] < scorers[SHIPPED] - means[8192]
    assert f"32 of those say little: {means[32]:.0%}" in said("04", "proxies-predict")


def test_repeats_make_the_formula_a_bound():
    *many, few = (int(line.split()[0]) for line in printed("04", "repeats").strip().splitlines())
    assert min(many) > 0.9 * 256
    assert few / 256 == pytest.approx(3 / 5, abs=0.05), "only three in five"


def test_the_best_of_256(runs):
    groups, seen = runs[BEST_OF_N], said("04", "bon-seen")
    start = gold_at_start(load_recording("overoptimization"), BEST_OF_N)
    gold = {pairs: at_end(some, "gold").mean() - start for pairs, some in groups.items()}
    proxy = np.mean([run.metrics["score"][-1] - run.metrics["score"][0] for run in groups[32]])
    assert f"it is {gold[32]:.1f} sd better than a random text" in seen
    assert gold[32] < np.ptp(at_end(groups[32], "gold")), "less than the seeds differ"
    assert f"the proxy itself sees a difference of {proxy:.1f} sd" in seen
    assert f"the more gold gains: {gold[8192]:.1f} sd with 8,192" in seen
    assert list(gold.values()) == sorted(gold.values())
    kl = math.log(256) - 255 / 256
    assert f"256 samples have come {kl:.1f} nats far" in seen
    peaks = {pairs: fit_gold(some, BEST_OF_N, start=start).peak for pairs, some in groups.items()}
    assert [pairs for pairs, peak in peaks.items() if peak**2 < kl] == [32], "within reach for 32 pairs only"
    hollow = [peak for peak in peaks.values() if kl < peak**2 < 10]
    assert {f"{peak:.1f}" for peak in hollow} <= {"2.8", "2.9"}
    assert math.exp(np.mean(hollow) ** 2 + 1) == pytest.approx(1e4, rel=0.3), "around ten thousand samples a prompt"


def test_ppo_against_proxies(runs):
    groups, seen = runs[PPO], said("04", "ppo-seen")
    start = gold_at_start(load_recording("overoptimization"), PPO)
    gold = {pairs: at_end(some, "gold") for pairs, some in groups.items()}
    shown = dict(re.findall(r"([\d,]+) pairs \S+ and (\S+?)[;.](?:\s|$)", printed("04", "ppo-gold") + " "))
    assert f"Gold ends at {float(shown['32']):+.1f} against 32 pairs and above +1.6 against 8,192" in seen
    assert float(shown["8,192"]) > 1.6
    proxies = [at_end(some, "score").mean() for some in groups.values()]
    assert min(proxies) > 1.45
    assert max(proxies) < 2.75
    near, *above = sorted(gold[512])
    assert f"once near {near:+.1f} and twice above +1.3" in seen
    assert min(above) > 1.3
    assert np.ptp(at_end(groups[512], "score")) < 0.3, "the three proxies are equally pleased"
    fits = [fit_gold(some, PPO, start=start) for some in groups.values()]
    assert f"by {min(fit.error for fit in fits):.2f} to {max(fit.error for fit in fits):.2f} sd" in seen
    furthest = max(max(run.metrics["kl"]) for some in groups.values() for run in some) ** 0.5
    assert min(fit.peak for fit in fits) > furthest, "no peak is within reach"
    kl = np.mean([run.metrics["kl"][-1] for some in groups.values() for run in some])
    assert kl == pytest.approx(40, rel=0.1), "some 40 nats, as the note says"
    assert "PPO without a leash goes to some 40 nats, where the best of 256 went 4.5" in said("04", "ppo-idea")


def test_one_seed_is_overoptimised(runs):
    (run,) = (run for run in runs[PPO][32] if run.seed == 2)
    shown = re.search(
        r"gold is highest at √KL \S+, (\S+) sd, and ends at (\S+), where the proxy says (\S+)\.",
        printed("04", "seed-demo"),
    )
    best, last, proxy = (float(number.replace("−", "-")) for number in shown.groups())
    seen = said("04", "seed-seen")
    assert f"climbs to nearly {best:+.1f} and falls back to −{abs(last):.1f}, where it began" in seen
    assert f"while the proxy goes on to {proxy:+.1f}" in seen
    assert run.metrics["gold"][0] == pytest.approx(last, abs=0.1), "where it began"
    assert run.metrics["judge"][-1] < max(run.metrics["judge"]) - 0.2, "the judge turns down with gold"
    assert sum(map(len, runs[PPO].values())) == 15


def test_ten_live_steps_please_the_proxy_alone():
    assert "the proxy's score is about one and a half standard deviations up, and gold is about where it was" in said(
        "04", "live-seen"
    )
    proxy, gold = (float(number) for number in re.findall(r"([+-]\d\.\d) sd", printed("04", "live-ppo")))
    assert proxy == pytest.approx(1.5, abs=0.3)
    assert gold == pytest.approx(0.0, abs=0.2)
    right = int(re.search(r"(\d+)% of test pairs", printed("04", "live-proxy"))[1])
    assert 50 < right < 56, "in little more than half of the test pairs"


def test_the_walk_along_the_runs(runs):
    first = {pairs: next(run for run in some if run.seed == 0).metrics for pairs, some in runs[PPO].items()}
    ends = sorted(metrics["distinct_2"][-1] for metrics in first.values())
    seen = said("04", "walk-seen")
    assert all(metrics["distinct_2"][0] == pytest.approx(0.8, abs=0.05) for metrics in first.values())
    assert f"at the end {ends[0]:.0%} to {ends[-1]:.0%}." in seen
    assert f"down to {100 * ends[0]:.0f} to {ends[-1]:.0%}" in said("04", "walk-predict")
    lengths = [abs(metrics["response_length"][-1] - metrics["response_length"][0]) for metrics in first.values()]
    assert 5.5 < max(lengths) < 6.5, "by up to six tokens"
    assert max(metrics["top_word_share"][-1] for metrics in first.values()) < 0.4
    assert all(f"{taste}" in printed("04", "gaps") for taste in ("the human spirit", "politics", "characters"))


def test_what_the_remedies_gained():
    gains, seen = Gains(load_recording("remedies")).gains, said("04", "remedies-seen")
    usual = gains["no remedy"].end["gold"]
    gained = {name: gain.end["gold"] - usual for name, gain in gains.items()}
    assert f"second round | {gained['second round'].mean():+.2f}, most where the first proxy was worst" in seen
    assert gained["second round"].argmax() == usual.argmin()
    groups = by_name(load_recording("remedies"))
    ends = {name: np.array([run.after["gold"] for run in some]) for name, some in groups.items()}
    first, second, third = (f"{more:+.2f}".replace("-", "−") for more in ends["second round"] - ends["no remedy"])
    assert f"it gained less: {first}, {second} and {third} in the three seeds" in seen
    assert f"shorter texts, as ordered, and {-gained['length term'].mean():.2f} less gold" in seen
    for name in ("ensemble, worst", "ensemble, mean minus spread"):
        assert min(gained[name]) < 0 < max(gained[name]), "nothing beyond chance"
    costs = ("KL penalty 0.05", "KL penalty 0.2", "early stop")
    assert all(gained[name].mean() < 0 for name in costs), "that costs gold"
    variety = {name: gain.end["distinct_2"].mean() for name, gain in gains.items()}
    assert min(variety["KL penalty 0.05"], variety["KL penalty 0.2"]) > variety["no remedy"] + 0.1


def test_the_toy_language_ends_where_the_labs_say():
    ends = dict(re.findall(r"^(\w+) +(\d\.\d\d) after", printed("05", "toy-loops"), flags=re.MULTILINE))
    assert ends.keys() == {"PPO", "REINFORCE", "RLOO", "GRPO", "DPO"}
    assert float(ends.pop("GRPO")) > 0.2
    assert max(map(float, ends.values())) < 0.05, "PPO ends there all the same"
    gap, hard = re.search(r"by chance (\d+), the better always wins (\d+)", printed("05", "hard-labels")).groups()
    assert f"{hard} after 3,000 steps, and growing" in said("05", "hard-predict")
    assert int(gap) < 6 < int(hard)


def test_the_table_of_methods_has_the_passes_of_the_default():
    passes = RunSettings().epochs
    rows = said("05", "groups-seen")
    assert rows.count(f"| {passes}, clipped |") == 2, "PPO and GRPO"
    assert f"in the loss | {passes} | `dpo_loss`" in rows


def test_what_moves_grpo():
    rows = dict(
        re.findall(
            r"^(.+?)  +KL \S+, reward (\S+ the frontier there \S+)$",
            printed("05", "grpo-apart").replace(", the", " the"),
            flags=re.MULTILINE,
        )
    )
    short = {name: float(of.split()[-1]) - float(of.split()[0]) for name, of in rows.items()}
    assert short["KL in the return"] == short["neither: RLOO"] == 0, "the division alone stays on the frontier"
    assert short["not over the spread"] > 0.05 < short["GRPO"], "k3 in the loss takes it off"
    two, twenty = (float(line.split()[-4]) for line in printed("05", "length-demo").splitlines())
    assert two == pytest.approx(10 * twenty)


def test_schulman_s_table_is_that_of_his_note():
    note = "20.00 1.42 1.42 2.00 1.73 1.70"  # http://joschu.net/blog/kl-approx.html, sd over KL
    assert re.findall(r"sd/KL (\S+)", printed("05", "schulman-table")) == note.split()


def test_the_bag_of_words_in_notebook_04():
    runs, seen = load_recording("bag_of_words"), said("04", "bag-seen")
    score, people, judged = (at_end(runs, metric).mean() for metric in ("score", "reward_model", "judge"))
    highest = max(run.before["highest_review"] for run in runs)
    assert f"The bag of words says {score:+.1f} sd, where no review gets more than {highest:+.1f}." in seen
    assert f"applauds with {people:+.1f} sd, and VADER's rules with nearly 1" in seen
    assert 0.98 < judged < 1
    accuracy = runs[0].before["pair_accuracy"]
    assert f"right in {accuracy:.0%} of the pairs" in seen
    assert f"The bag of words, at {accuracy:.0%}, would stand above them all" in said("04", "proxies-seen")
    proxies = {pairs: seeds.mean() for pairs, seeds in accuracies(load_recording("overoptimization")).items()}
    assert max(proxies.values()) < accuracy
    first, last = (np.mean([run.metrics["distinct_2"][step] for run in runs]) for step in (0, -1))
    assert f"of all word pairs {first:.0%} differed in the first step, {last:.0%} do in the last" in seen
    assert f"{accuracy:.0%} of test pairs in the right order" in printed("04", "bag-accuracy")
    assert all(run.after["eos_share"] == 0 for run in runs), "to the last token"
    texts = " ".join(sample["text"] for run in runs for sample in run.samples)
    assert all(quoted in texts for quoted in ("best best best", "entertaining entertaining entertaining"))


def test_what_no_held_out_pair_contains():
    reviews, ends = (int(number) for number in re.findall(r"comes up to (\d+) times", printed("04", "bag-repeats")))
    assert reviews == 2, "no test sentence has a word of praise more than twice"
    assert ends > 15, "and so is the fifteenth"


def test_where_the_two_texts_of_dpo_go():
    seen = said("05", "both-seen").replace("−", "-")
    runs = load_recording("dpo")
    for rate, words in ((1e-4, "stand at {} nats and the rejected ones at {};"), (3e-4, "learning rate at {} and {}.")):
        some = [run for run in runs if run.changes["learning_rate"] == rate]
        first, last = (
            [np.mean([run.metrics[f"{texts}_log_ratio"][step] for run in some]) for texts in ("chosen", "rejected")]
            for step in (9, -1)
        )
        assert words.format(*(f"{number:.1f}" for number in first)) in seen
        assert last[0] > -0.05, "back where they were, or a little above"
        assert last[1] < first[1], "the rejected ones fall on"
        assert np.mean([run.metrics["pair_accuracy"][-1] for run in some]) == pytest.approx(0.89, abs=0.02)


def test_what_has_come_since_2022():
    rows = re.findall(r"loss (\S+) nats a token, sure of its guess (\S+)%, right (\S+)%", printed("05", "forgets"))
    (loss, sure, right), (dearer, surer, no_better) = (map(float, row) for row in rows)
    assert dearer - loss == pytest.approx(0.1, abs=0.04), "by a tenth of a nat"
    assert surer > sure + 1
    assert no_better < right + 0.5
    token, text = (
        max(1 / float(low), float(high))
        for low, high in re.findall(r"(\d\.\d+) to (\d\.\d+)", printed("05", "mismatch"))
    )
    assert token == pytest.approx(1.1, abs=0.04), "up to a tenth"
    assert text == pytest.approx(1.22, abs=0.07), "up to a fifth"
    (gap,) = set(re.findall(r"gap (\S+)", printed("05", "ipo-gap")))  # the same after each number of steps
    hard = re.search(r"the better always wins (\d+)", printed("05", "hard-labels"))[1]
    assert f"The gap stays at {gap}, where DPO's had come to {hard} and went on." in said("05", "since-forgets")
