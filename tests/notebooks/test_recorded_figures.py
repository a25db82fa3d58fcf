"""What prose and notes say of recorded runs is what the recordings hold; outputs are compared by nbval."""

import numpy as np
import pytest
import torch
from shared.notebooks import printed, said

from course_lib.classroom.plots.recordings import normalised_scores
from course_lib.classroom.plots.relatives import seeds
from course_lib.classroom.report.report_words import verdicts
from course_lib.equations.verified import mixed_share
from course_lib.publish.stored import FOLDER
from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.nats import mean_ends, spent
from course_lib.training.experiments.recorded_curves import three_seeds
from course_lib.training.experiments.recorded_verifiers import (
    VERIFIED_METHODS,
    chosen,
    found_and_lost,
    mean_pass_at_k,
    means,
    rules_of,
)
from course_lib.training.experiments.recordings import by_name, load_recording, records_of
from course_lib.training.experiments.rules import RULES
from course_lib.training.features import load_features
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.fit import FitSettings, PreferredTexts, fit
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.reward_model import MLPRewardModel, load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.texts import degrades_at


def test_the_objectives_in_notebook_02():
    runs = load_recording("clip")
    rows = normalised_scores(runs)
    none, clip = (f"{rows[name].mean():.2f}" for name in ("no clipping or penalty", "clip 0.2"))
    kls = ([run.after["kl"] for run in runs if run.name.startswith(name)] for name in ("no clip", "clip"))
    far, near = (f"{min(kl):.0f} to {max(kl):.0f}" for kl in kls)
    answer = said("02", "table-answer")
    assert f"end at {none} of the best, with a clip of 0.2 at {clip}, and they wander off" in answer
    assert f"from the reference is {far} nats a text, with a clip {near}." in answer
    clips = [rows[f"clip {eps}"] for eps in (0.1, 0.2, 0.3)]
    assert np.ptp([row.mean() for row in clips]) < max(np.ptp(row) for row in clips), "by more than their seeds"
    assert rows["KL penalty 10"].mean() < rows["no clipping or penalty"].mean() < rows["KL penalty 1"].mean()


def test_the_run_in_the_readme_is_the_recorded_default():
    run = next(run for run in load_recording("kl_coef") if run.changes == {"kl_coef": RunSettings().kl_coef})
    summary = {f"{name}_before": value for name, value in run.before.items()}
    summary |= {f"{name}_after": value for name, value in run.after.items()}
    readme = " ".join((FOLDER.parent / "README.md").read_text(encoding="utf-8").split())
    for sentence in verdicts(summary | {"degrades_at": degrades_at(records_of(run))}):
        assert sentence in readme
    seeds = [run.after for run in load_recording("nats") if run.name == "default"]
    assert len(seeds) == 5
    (low, high), (near, far) = ([f(end[name] for end in seeds) for f in (min, max)] for name in ("score", "kl"))
    assert f"Five seeds end with {low:+.2f} to {high:+.2f} at {near:.1f} to {far:.1f} nats" in readme
    steps, score, kl = (run.metrics[name][-1] for name in ("step", "score", "kl"))
    assert f"100%|██████████| {steps}/{steps} [..., score {score:+.2f} sd, KL {kl:.1f} nats]" in readme


@pytest.fixture(scope="module")
def after():
    """What the runs of two seeds ended with, by KL coefficient."""
    runs = load_recording("kl_coef")
    return {coef: [run.after for run in runs if run.changes["kl_coef"] == coef] for coef in (0.0, 0.05, 0.12, 0.2)}


def pair(ends, figure, form):
    return " and ".join(form.format(end[figure]) for end in ends)


def test_without_a_leash_runs_end_far_away_and_with_the_default_near(after):
    far, near = pair(after[0.0], "kl", "{:.0f}"), {f"{end['kl']:.0f}" for end in after[0.12]}
    assert f"end at {far} nats, with the leash near {near.pop()}." in said("03", "cockpit-predict")
    assert not near
    assert f"With 0.12 both end near {after[0.12][0]['kl']:.0f} nats, with 0 at {far}." in said("03", "cockpit-seen")


def test_what_the_coefficients_buy(after):
    seen = said("03", "frontier-seen")
    assert f"{pair(after[0.2], 'kl', '{:.1f}')} of them bring the score" in seen
    assert f"from 0 to {pair(after[0.2], 'score', '{:.1f}')}, at a coefficient of 0.2" in seen
    assert f"to {pair(after[0.0], 'kl', '{:.0f}')} nats for scores of {pair(after[0.0], 'score', '{:.1f}')}" in seen
    variety = {coef: pair(after[coef], "distinct_2", "{:.0%}") for coef in (0.0, 0.12)}
    assert f"of these two runs {variety[0.0]} are different" in seen
    loosest = [run for run in load_recording("kl_coef") if run.changes["kl_coef"] == 0]
    before = pair([run.before for run in loosest], "distinct_2", "{:.0%}")
    assert f"against {before} before training, and {variety[0.12]} at 0.12" in seen
    texts = [sample["after"] for sample in loosest[0].samples]
    assert sum("entertaining" in text for text in texts) == 5
    assert 'five of the six have "entertaining" in them' in seen
    quoted = "an entertaining, entertaining and entertaining feature"
    assert quoted in seen
    assert any(quoted in text for text in texts)
    loose, tight = after[0.05][0], after[0.12][0]
    kl = f"the KL falls from {loose['kl']:.1f} to {tight['kl']:.1f}"
    score = f"the score from {loose['score']:.2f} to {tight['score']:.2f} (seed 0)"
    assert f"from 0.05 to 0.12 {kl} and {score}" in said("03", "quiz-7")


def test_two_words_for_one_thing_are_worth_little():
    reviews = [sentence.text for sentence in load_ratings(split="test") if " movie" in sentence.text][:150]
    model = load_reward_model(REWARD_MODEL)
    assert "by no more than a tenth of a standard deviation" in said("03", "nats-words-seen")
    gain = model.score([text.replace(" movie", " film") for text in reviews]) - model.score(reviews)
    assert 0 < gain.mean() < 0.1 * model.score(reviews).std()


def test_where_the_nats_go():
    runs, line = load_recording("nats"), np.transpose(mean_ends(load_recording("kl_coef")))
    rows = {row.name: row for row in spent(runs, load_frontier())}
    under = {name: np.interp(row.kl, *line) - row.score for name, row in rows.items()}
    earlier, seen = rows["earlier default"], said("03", "nats-seen")
    late, slow = under.pop("earlier default"), under.pop("values from zero")
    assert min(late, slow) > 0.1 > under.pop("one pass") > 0.05 > max(abs(height) for height in under.values())
    assert {"twice the steps", "from zero, twice the steps"} <= under.keys()
    assert f"explains about {rows['default'].explained:.1f} of the variance of the returns" in seen
    assert abs(rows["values from zero"].explained) < 0.01
    assert f"It paid {earlier.kl:.1f} nats for a score that costs about {earlier.fewest:.1f}: nearly two thirds" in seen
    assert 0.6 < 1 - earlier.fewest / earlier.kl < 2 / 3
    first, later = (
        np.mean([run.metrics["score"][8:11] for run in runs if run.name == name])  # steps 9 to 11
        for name in ("default", "values from zero")
    )
    assert f"the score is near {first:.1f} where the other's is near {later:.1f}" in seen


def test_what_the_choices_do():
    runs, answer = by_name(load_recording("choices")), said("02", "choices-answer")
    score, kl = (
        {name: np.mean([run.after[figure] for run in some]) for name, some in runs.items()}
        for figure in ("score", "kl")
    )
    assert f"the run ends at {score['lam 0']:.1f} where the default has {score['default']:.1f}" in answer
    assert f"after 12 steps the score has reached {score['lam 0, from zero']:.1f}" in answer
    assert f"they end at {score['values from zero']:.1f}" in answer
    assert f"ends at {score['1 epoch']:.1f}; 8 epochs end at {score['8 epochs']:.1f}, but at a KL of" in answer
    assert f"{kl['8 epochs']:.1f} nats where the default has {kl['default']:.1f}" in answer
    assert abs(score["advantages not whitened"] - score["default"]) < 0.1
    for clipped, free in zip(runs["default"], runs["values not clipped"], strict=True):
        assert clipped.metrics["score"] == free.metrics["score"]
    assert len(runs["default"][0].metrics["step"]) == 12


def test_six_methods_with_one_budget():
    runs, seen = by_name(load_recording("relatives")), said("05", "relatives-seen")
    ends = {
        name: {metric: sorted(run.after[metric] for run in some) for metric in ("score", "kl", "seconds", "eos_share")}
        for name, some in runs.items()
    }

    def span(name, metric, digits):
        return f"{ends[name][metric][0]:.{digits}f} to {ends[name][metric][-1]:.{digits}f}"

    assert f"best-of-64 comes to {span('best of n', 'score', 1)} at {ends['best of n']['kl'][0]:.1f} nats" in seen
    assert max(score for name in ends for score in ends[name]["score"] if name != "best of n") < 1.5
    assert sum(score >= 1.5 for score in ends["best of n"]["score"]) == 1, "for one seed of three"
    assert f"fewest nats, {span('PPO', 'kl', 1)} for {span('PPO', 'score', 1)};" in seen
    assert f"GRPO to {span('GRPO', 'score', 1)} at {span('GRPO', 'kl', 0)}." in seen
    both = [ends[name] for name in ("REINFORCE", "RLOO")]
    low, high = min(end["score"][0] for end in both), max(end["score"][-1] for end in both)
    assert f"REINFORCE and RLOO come to {low:.1f} to {high:.1f} at 5," in seen
    assert all(round(kl) == 5 for end in both for kl in end["kl"])
    assert max(ends["PPO"]["kl"]) < min(kl for end in both for kl in end["kl"])
    assert f"up to {1 - min(ends['GRPO']['eos_share']):.0%}".removesuffix("%") in seen
    assert f"stayed within {max(ends['DPO']['kl']):.1f} nats" in seen
    tokens = {name: np.mean([run.metrics["tokens"][-1] for run in some]) for name, some in runs.items()}
    after = sorted(tokens[name] / tokens["best of n"] for name in runs.keys() - {"best of n"})
    assert f"cheaper after {after[0]:.0f} to {after[-1]:.0f} answers" in seen
    seconds = {name: np.mean(end["seconds"]) for name, end in ends.items()}
    assert (
        f"some {np.mean([seconds['REINFORCE'], seconds['RLOO']]):.0f} seconds where PPO takes {seconds['PPO']:.0f}"
        in seen
    )
    an_answer = seconds["best of n"] / 256
    assert f"after {round(seconds['RLOO'] / an_answer, -1):.0f} to {round(seconds['PPO'] / an_answer, -1):.0f}." in seen


def test_where_the_loss_on_choices_ends():
    train = load_ratings(split="train")
    choices = draw_pairs(train, count=10_000, generator=torch.Generator().manual_seed(0))
    texts = PreferredTexts.from_pairs(load_features(train), train, choices)
    torch.manual_seed(0)
    settings = FitSettings(epochs=2, batch_size=64, weight_decay=10.0, learning_rate=1e-3)
    records = list(fit(MLPRewardModel(), texts, settings=settings, generator=torch.Generator().manual_seed(0)))
    assert round(np.mean([record["loss"] for record in records[-50:]]), 1) == 0.4
    assert "(c), about 0.4." in said("01", "bt-train-seen")


@pytest.fixture(scope="module")
def verified():
    """The runs against verifiers, those without a penalty by the rule and the method."""
    runs = load_recording("verifiers")
    return runs, {
        (rule, method): chosen(runs, pleased=rule, method=method, kl_coef=0.0)
        for rule in rules_of(runs)
        for method in VERIFIED_METHODS
    }


def test_the_rarest_rule_is_learned_in_most_runs_and_late(verified):
    _, groups = verified
    ends = {rule: [run.after["score"] for method in VERIFIED_METHODS for run in groups[rule, method]] for rule in RULES}
    assert sum(end > 0.5 for end in ends["staircase"]) == 7
    assert min(ends["alliteration"]) > 0.97
    assert f"ends between {min(ends['longest last']):.0%} and {max(ends['longest last']):.0%}" in said(
        "06", "methods-seen"
    )
    batches = np.concatenate([seeds(groups["staircase", method], "score") for method in VERIFIED_METHODS])
    half = [int(np.argmax(scores > 0.5)) + 1 for scores in batches if (scores > 0.5).any()]
    assert (min(half), max(half), len(half)) == (7, 17, 7)


def test_what_falls_under_verifiers_and_what_does_not(verified):
    runs, groups = verified
    before = means([run.before for run in runs], ["distinct_2", "reward_model"])
    ends = {name: means([run.after for run in group], ["distinct_2", "reward_model"]) for name, group in groups.items()}
    assert all(pairs < 2 / 3 * before[0] for pairs, _ in ends.values())
    assert sum(pairs < before[0] / 2 for pairs, _ in ends.values()) == 5, "in five of the nine rows"
    for rule in ("alliteration", "staircase"):
        assert np.mean([ends[rule, method][1] for method in VERIFIED_METHODS]) > before[1] - 0.05
    liked = sorted(run.after["reward_model"] for run in groups["alliteration", "GRPO"])
    assert f"end between −{-liked[0]:.2f} and +{liked[-1]:.2f}" in said("06", "fell-seen")


def test_pass_at_k_in_notebook_06(verified):
    runs, groups = verified
    before = {rule: mean_pass_at_k([run.before for run in chosen(runs, pleased=rule)]) for rule in rules_of(runs)}
    after = {name: mean_pass_at_k([run.after for run in group]) for name, group in groups.items()}
    assert all(rates[0] > 5 * before[name[0]][0] for name, rates in after.items())
    assert after["longest last", "RLOO"][0] > 8 * before["longest last"][0]
    found, lost = found_and_lost(groups["longest last", "RLOO"])
    assert (2 < found < 3, round(lost)) == (True, 2)
    assert round(64 * before["staircase"][-1].item()) == 9
    seen = [sum(count > 0 for count in run.before["passed"]) for run in groups["staircase", "RLOO"]]
    assert f"on nine (in the three seeds on {seen[0]}, {seen[1]} and {seen[2]})" in said("06", "pass-at-k-seen")
    assert f"a chance of about {before['staircase'][0]:.1%}" in printed("06", "price-predict")
    assert all(after["staircase", method][-1] > 0.9 > 0.2 > before["staircase"][-1] for method in VERIFIED_METHODS)


def test_fewer_groups_are_mixed_where_prompts_differ(verified):
    _, groups = verified
    batches = [run for (_, method), group in groups.items() if method != "PPO" for run in group]
    passes, mixed = (np.concatenate([run.metrics[name] for run in batches]) for name in ("score", "mixed_groups"))
    some = (passes > 0.2) & (passes < 0.9)
    below = mixed < mixed_share(torch.tensor(passes), responses=4).numpy()
    assert below[some].mean() == pytest.approx(0.9, abs=0.03), "nine points in ten"
    assert below[~some].mean() < 0.5, "elsewhere they lie on both sides"


def test_what_the_penalty_does_in_notebook_06(verified):
    runs, groups = verified

    def leashed(rule):
        return [run for method in VERIFIED_METHODS for run in chosen(runs, pleased=rule, method=method, kl_coef=0.05)]

    assert [run.changes["method"] for run in leashed("staircase") if run.after["score"] > 0.5] == ["GRPO"]
    near = means([run.after for run in leashed("longest last")], ["score"])
    far = means([run.after for method in VERIFIED_METHODS for run in groups["longest last", method]], ["score"])
    assert near < far


@pytest.fixture(scope="module")
def curves():
    return three_seeds()


def mean_end(runs, figure):
    assert [run.seed for run in runs] == [0, 1, 2]
    return f"{np.mean([run.after[figure] for run in runs]):.2f}"


def test_a_loss_that_rises_with_the_score(curves):
    loss, score = (
        np.mean([run.metrics[name] for run in curves["default"]], axis=0) for name in ("policy_loss", "score")
    )
    assert f"{loss[0]:.2f}" == "-0.05"
    assert abs(loss[-1]) < 0.005
    assert np.corrcoef(loss, score)[0, 1] > 0.9, "both rise"


def test_batches_of_a_healthy_run_with_a_kl_below_0(curves):
    (slow,) = curves["learning rate 1e-5"]
    below = [kl for kl in slow.metrics["kl"] if kl < 0]
    assert (len(below), f"{min(below):.2f}") == (3, "-0.03")
    assert slow.after["kl"] > 0, "on held-out prompts"


def test_a_masked_eos_goes_unseen_in_ppo(curves):
    masked, default = (mean_end(curves[name], "score") for name in ("eos masked", "default"))
    said_of_it = said("03", "curves-eos-seen")
    assert f"end with a score of {masked}, the default with {default}" in said_of_it
    assert f"{min(run.after['eos_share'] for run in curves['eos masked']):.0%} of their texts and more" in said_of_it


def test_critics_that_begin_elsewhere(curves):
    ours, zero = (mean_end(curves[name], "score") for name in ("default", "values from zero"))
    assert f"After 20 steps the score is {ours} with it and {zero} without" in said("03", "curves-critic")
    explained = {name: np.mean([run.metrics["explained_variance"] for run in curves[name]], axis=0) for name in curves}
    assert f"explains {explained['default'][0]:.1f} of the variance of the returns at once" in said(
        "03", "curves-critic"
    )
    young = explained["values at random"]
    assert f"random weights begins at −{-young[0]:.1f}" in said("03", "curves-explained")
    assert young[:9].max() < 0 < young[9], "some ten steps"
    wrong = next(run for run in load_recording("bugs") if run.name == "reward on the wrong token")
    assert max(wrong.metrics["explained_variance"]) < 0


def test_one_step_a_batch_never_clips(curves):
    for run in curves["one step a batch"]:
        assert max(run.metrics["clip_fraction"]) == 0
        assert max(run.metrics["ratio_max"]) == pytest.approx(1, abs=1e-3)
        assert run.changes == {"epochs": 1, "minibatches": 1}
    assert mean_end(curves["one step a batch"], "score") < mean_end(curves["default"], "score")
