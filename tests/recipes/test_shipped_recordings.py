"""The recordings in data/runs: complete, what their recipes would run, and with the effects that the labs speak of."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from course_lib.recipes import (
    record_bag_of_words,
    record_dpo,
    record_overoptimization,
    record_relatives,
    record_remedies,
    record_verifiers,
)
from course_lib.recipes.record import EXPERIMENTS, command
from course_lib.recipes.record_frontier import KL_COEFS, PROMPTS, SAMPLES
from course_lib.recipes.record_label_noise import NOISE, PAIRS, SEEDS
from course_lib.training.experiments.frontier import load_frontier
from course_lib.training.experiments.proxies import SETTINGS
from course_lib.training.experiments.recorded_verifiers import PROMPTS as VERIFIED_PROMPTS
from course_lib.training.experiments.recorded_verifiers import SAMPLES as SAMPLES_OF_EACH
from course_lib.training.experiments.recorded_verifiers import chosen
from course_lib.training.experiments.recordings import load_label_noise, load_recording, records_of
from course_lib.training.experiments.remedies import NO_REMEDY
from course_lib.training.files.paths import RUNS
from course_lib.training.settings import RunSettings
from course_lib.training.texts import degrades_at

COLUMNS = {"step", "score", "kl", "judge", "entropy", "clip_fraction", "explained_variance", "approx_kl", "ratio_max"}
HELD_OUT = {"score", "kl", "eos_share", "response_length", "judge", "distinct_2", "top_word_share"}
RELATIVES = ["PPO", "REINFORCE", "RLOO", "GRPO", "DPO", "best of n"]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_recording_is_complete_and_what_its_recipe_would_run(name):
    experiment, recordings = EXPERIMENTS[name], load_recording(name)
    planned = [(run.name, run.seed, run.changes) for run in experiment.runs]
    assert [(run.name, run.seed, run.changes) for run in recordings] == planned
    content = json.loads((RUNS / f"{name}.json").read_text(encoding="utf-8"))
    assert content["made_with"] == command(name)
    assert experiment.shared.items() <= content["settings"].items()
    for run in recordings:
        steps = (content["settings"] | run.changes)["iterations"]
        assert run.metrics["step"] == list(range(1, steps + 1))
        assert run.metrics.keys() >= COLUMNS
        assert run.before.keys() == run.after.keys() == HELD_OUT
        assert len(run.samples) == 6
        assert all(sample["after"].startswith(sample["prompt"]) for sample in run.samples)


def test_runs_of_one_seed_start_from_the_same_texts():
    for name in EXPERIMENTS:
        for seed in {run.seed for run in load_recording(name)}:
            runs = [run for run in load_recording(name) if run.seed == seed]
            assert all(run.before == runs[0].before for run in runs)
            # a batch of another size is another draw
            alike = [run for run in runs if "batch_size" not in run.changes]
            assert all(run.metrics["score"][0] == alike[0].metrics["score"][0] for run in alike)


def test_texts_show_a_sign_of_degradation_without_a_leash_and_none_with_the_default():
    free = [run for run in load_recording("kl_coef") if run.changes["kl_coef"] == 0]
    default = [run for run in load_recording("nats") if run.name == "default"]
    assert len(free) == 2
    assert len(default) == 5
    assert all(degrades_at(records_of(run)) for run in free)
    assert not any(degrades_at(records_of(run)) for run in default)


def test_the_label_noise_recording_is_complete():
    recordings = load_recording("label_noise")
    assert len(recordings) == SEEDS * (len(NOISE) + 1)
    assert all(run.metrics["pairs"] == list(PAIRS) for run in recordings)
    data = load_label_noise()
    assert data.pairs.tolist() == list(PAIRS)
    assert list(data.one_person) == list(NOISE)
    assert data.everybody.shape == (SEEDS, len(PAIRS))


def test_the_overoptimization_recording_is_complete():
    recordings = load_recording("overoptimization")
    methods = {"ppo": "ppo", "best-of-n": "best of n"}
    planned = {
        (f"{name}, {count} pairs", seed, method, count)
        for method, name in methods.items()
        for count in record_overoptimization.PAIRS
        for seed in range(record_overoptimization.SEEDS)
    }
    assert {(run.name, run.seed, *run.changes.values()) for run in recordings} == planned
    for run in recordings:
        assert run.metrics.keys() >= {"kl", "score", "gold", "judge", "distinct_2", "response_length"}
        points = run.metrics["step"] if run.changes["method"] == "ppo" else run.metrics["n"]
        assert len(points) == (SETTINGS["iterations"] if "step" in run.metrics else 9)
        gaps = [sample["score"] - sample["gold"] for sample in run.samples if "gap" in sample]
        assert gaps == pytest.approx(sorted(gaps, reverse=True), abs=1e-2)
        assert len(gaps) == record_overoptimization.GAPS
        assert all(sample["text"].startswith(sample["prompt"]) for sample in run.samples)


def test_the_remedies_recording_is_complete_and_starts_where_the_untreated_runs_started():
    recordings = load_recording("remedies")
    untreated = {run.seed: run for run in load_recording("overoptimization") if run.name == "ppo, 512 pairs"}
    assert {run.name for run in recordings} == {NO_REMEDY, *record_remedies.TRIED}
    for run in recordings:
        assert run.metrics["gold"][0] == untreated[run.seed].metrics["gold"][0]
        assert (run.metrics == untreated[run.seed].metrics) == (run.name == NO_REMEDY)


def test_more_pairs_make_a_better_proxy_whose_optimum_is_worth_more():
    recordings = load_recording("overoptimization")
    for figures, figure in (("before", "pair_accuracy"), ("after", "gold")):
        few, many = (
            np.mean([getattr(run, figures)[figure] for run in recordings if run.changes["pairs"] in counts])
            for counts in ((32, 128), (2048, 8192))
        )
        assert few < many


def test_label_noise_costs_accuracy_and_pairs_buy_it():
    data = load_label_noise()
    at_the_end = [curves.mean(axis=0)[-1] for curves in data.one_person.values()]
    assert at_the_end == sorted(at_the_end, reverse=True)
    assert all(curves.mean(axis=0)[-1] > curves.mean(axis=0)[0] for curves in data.one_person.values())


def test_recordings_are_small():
    assert sum(path.stat().st_size for path in RUNS.iterdir()) < 1.5e6


def test_means_over_seeds_keep_the_seeds_apart():
    data = load_label_noise()
    assert np.ptp(data.one_person[0.0], axis=0).max() > 0


def test_the_recording_of_the_relatives_is_complete_and_what_its_recipe_would_run():
    shipped = load_recording("relatives")
    methods = record_relatives.METHODS
    changes = {name: {"method": name} | (methods[name].changes if name in methods else {}) for name in RELATIVES}
    planned = [(name, seed, changes[name]) for seed in range(record_relatives.SEEDS) for name in RELATIVES]
    assert [(run.name, run.seed, run.changes) for run in shipped] == planned
    content = json.loads((RUNS / "relatives.json").read_text(encoding="utf-8"))
    assert content["made_with"] == command("relatives")
    assert RunSettings(**content["settings"]) == RunSettings()
    for run in shipped:
        assert run.metrics.keys() >= {"tokens", "seconds", "score", "kl", "judge", "distinct_2", "response_length"}
        assert run.after.keys() == HELD_OUT | {"seconds", "peak_memory_gb"}
        assert run.before == next(other.before for other in shipped if other.seed == run.seed)
        assert len(run.metrics["kl"]) == (7 if run.name == "best of n" else content["settings"]["iterations"])


def test_the_recording_of_the_frontier_is_complete_and_holds_for_the_default_run():
    shipped, content = load_recording("frontier"), json.loads((RUNS / "frontier.json").read_text(encoding="utf-8"))
    recipe = {"prompts": PROMPTS, "samples": SAMPLES, "kl_coefs": list(KL_COEFS)}
    assert [run.name for run in shipped] == [f"prompt {number + 1}" for number in range(PROMPTS)]
    assert content["made_with"] == command("frontier")
    settings = content["settings"]
    assert {name: settings.pop(name) for name in recipe} == recipe
    assert RunSettings(**settings) == RunSettings()
    frontier = load_frontier()
    assert len(frontier.kl) > len(KL_COEFS) / 2
    assert all((np.diff(points) > 0).all() for points in (frontier.kl, frontier.score))


def test_no_recorded_run_lies_above_the_frontier():
    frontier = load_frontier()
    runs = [run for name in ("kl_coef", "relatives") for run in load_recording(name)]
    within = [run for run in runs if run.after["kl"] <= frontier.kl[-1]]
    assert within
    for run in within:
        assert run.after["score"] < frontier.score_at(run.after["kl"]) + 3 * frontier.error.max()


def test_the_recording_of_the_verifiers_is_complete_and_what_its_recipe_would_run():
    shipped, content = load_recording("verifiers"), json.loads((RUNS / "verifiers.json").read_text(encoding="utf-8"))
    seeds, plans = range(record_verifiers.SEEDS), list(record_verifiers.plans())
    assert [(run.name, run.seed, run.changes) for run in shipped] == [
        (plan.name, seed, plan.changes) for seed in seeds for plan in plans
    ]
    assert content["made_with"] == command("verifiers")
    sizes = {"prompts": VERIFIED_PROMPTS, "samples": SAMPLES_OF_EACH}
    assert content["settings"].items() >= (record_verifiers.SETTINGS | sizes).items()
    for run in shipped:
        assert run.metrics.keys() == set(record_verifiers.KEPT)
        assert run.metrics["step"] == list(range(1, content["settings"]["iterations"] + 1))
        assert run.before.keys() - {"passed"} == HELD_OUT | {"reward_model"}
        assert all(sample["text"].startswith(sample["prompt"]) for sample in run.samples)
        if run.changes["pleased"] in record_verifiers.RULES:
            same = [other for other in chosen(shipped, pleased=run.changes["pleased"]) if other.seed == run.seed]
            assert run.before == same[0].before
            assert len(run.before["passed"]) == len(run.after["passed"]) == VERIFIED_PROMPTS
            assert max(run.before["passed"] + run.after["passed"]) <= SAMPLES_OF_EACH


def test_the_recording_of_the_bag_of_words_is_complete_and_what_its_recipe_would_run():
    shipped, content = load_recording("bag_of_words"), json.loads((RUNS / "bag_of_words.json").read_text("utf-8"))
    assert [run.seed for run in shipped] == list(range(record_bag_of_words.SEEDS))
    assert content["made_with"] == command("bag_of_words")
    assert content["settings"] == asdict(RunSettings(**SETTINGS))
    for run in shipped:
        assert run.metrics["step"] == list(range(1, SETTINGS["iterations"] + 1))
        assert run.after.keys() == HELD_OUT | {"reward_model"}
        assert [sample["step"] for sample in run.samples] == [step for step in (1, 9, 17, 25, 33) for _ in range(4)]


def test_the_bag_of_words_is_right_about_reviews_and_is_fooled():
    for run in load_recording("bag_of_words"):
        assert max(run.before["pair_accuracy"], 0.76) < run.before["reward_model_pair_accuracy"]
        assert run.before["pair_accuracy"] > 0.75
        assert run.after["score"] > 2 * run.before["highest_review"]
        assert run.after["reward_model"] > 1.5, "people's reward model applauds"
        assert run.after["distinct_2"] < 0.2 < 0.6 < run.before["distinct_2"]


def test_the_recording_of_dpo_is_complete_and_what_its_recipe_would_run():
    shipped, content = load_recording("dpo"), json.loads((RUNS / "dpo.json").read_text(encoding="utf-8"))
    planned = [(seed, rate) for seed in range(record_dpo.SEEDS) for rate in record_dpo.LEARNING_RATES]
    assert [(run.seed, run.changes["learning_rate"]) for run in shipped] == planned
    assert content["made_with"] == command("dpo")
    assert RunSettings(**content["settings"]) == RunSettings()
    relatives = {run.seed: run for run in load_recording("relatives") if run.name == "DPO"}
    for run in shipped:
        assert run.metrics.keys() == set(record_dpo.KEPT)
        if run.changes["learning_rate"] == record_relatives.METHODS["DPO"].changes["learning_rate"]:
            assert run.metrics["pair_accuracy"] == pytest.approx(relatives[run.seed].metrics["pair_accuracy"], abs=0.03)


def test_both_texts_of_a_new_pair_become_less_likely_under_dpo():
    for run in load_recording("dpo"):
        chosen, rejected = (np.array(run.metrics[f"{text}_log_ratio"]) for text in ("chosen", "rejected"))
        assert rejected[9] < chosen[9] < 0, "at the end of the first pass"
        assert (rejected < chosen)[4:].all()
