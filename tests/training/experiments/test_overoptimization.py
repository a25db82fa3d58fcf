"""Proxies, best-of-n, remedies, and their two recordings at a tiny size."""

import json
from functools import cache
from pathlib import Path

import pytest
import torch
from shared.tiny_models import byte_tokenizer, make_tiny_lm

from course_lib.equations.ensemble import mean_minus_spread, worst_score
from course_lib.recipes import record_overoptimization as recipe
from course_lib.recipes import record_remedies
from course_lib.recipes.record_overoptimization import record_overoptimization
from course_lib.training import setup
from course_lib.training.experiments import proxies
from course_lib.training.experiments.candidates import Candidates, best_of_first, best_of_n_metrics, powers_of_two
from course_lib.training.experiments.proxies import (
    kept_model,
    largest_gaps,
    proxy_scorer,
    rated_pairs,
    train_proxy,
)
from course_lib.training.experiments.recordings import load_recording
from course_lib.training.experiments.remedies import Ensemble, LengthTerm, label_pairs
from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import load_ratings
from course_lib.training.reward_model import load_reward_model, new_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

TINY = {"iterations": 3, "batch_size": 8, "response_len": 6, "evaluation_prompts": 8}


class Lengths:
    """A reward model whose score is the length of a text in characters, times its sign."""

    def __init__(self, sign: int = 1):
        self.sign, self.gain, self.bias = sign, 1.0, 0.0

    def score(self, texts):
        return torch.tensor([float(self.sign * len(text)) for text in texts])


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> dict:
    """Settings of a tiny run."""
    folder = tmp_path_factory.mktemp("models")
    make_tiny_lm(vocab_size=259, context=512).save_pretrained(folder / "lm")
    byte_tokenizer().save_pretrained(folder / "lm")
    new_reward_model(folder / "lm", generator=torch.Generator().manual_seed(0)).save(folder / "reward")
    return TINY | {"model": str(folder / "lm"), "reward_model": str(folder / "reward")}


@pytest.fixture(scope="module")
def recorded(given, tmp_path_factory) -> Path:
    """The folder of both experiments, recorded at a tiny size."""
    folder, read_once = tmp_path_factory.mktemp("runs"), cache(load_ratings)
    with pytest.MonkeyPatch.context() as patch:
        for module in (setup, proxies, recipe):
            patch.setattr(module, "load_ratings", read_once)
        patch.setattr(proxies, "LEAST_STEPS", 2)
        patch.setattr(record_remedies, "MEMBERS", 2)
        record_overoptimization(folder / "overoptimization.json", **tiny(given, folder))
        record_remedies.record_remedies(
            folder / "remedies.json", given=given, seeds=1, count=16, kept=folder / "proxies"
        )
    return folder


def tiny(given: dict, folder: Path) -> dict:
    """The options that make the experiment `overoptimization` tiny."""
    return {"given": given, "pairs": (16,), "seeds": 2, "samples": 4, "kept": folder / "proxies"}


def test_fewer_pairs_are_the_first_of_more_and_each_seed_draws_its_own():
    assert rated_pairs(4, seed=0) == rated_pairs(9, seed=0)[:4] != rated_pairs(4, seed=1)


def test_a_proxy_learns_what_its_pairs_say_and_each_seed_gives_another(given):
    pairs = [(f"good {word}", f"bad {word}") for word in "abcdefgh"]
    proxy = train_proxy(pairs, seed=0, model=given["model"])
    chosen, rejected = zip(*pairs, strict=True)
    assert (proxy.score(chosen) > proxy.score(rejected)).all()
    again, other = (train_proxy(pairs, seed=seed, model=given["model"]) for seed in (0, 1))
    assert torch.equal(proxy.score(chosen), again.score(chosen))
    assert not torch.equal(proxy.score(chosen), other.score(chosen))


def test_a_proxy_without_pairs_is_refused(given):
    with pytest.raises(CourseError, match="Expected pairs"):
        train_proxy([], seed=0, model=given["model"])


def test_a_kept_proxy_is_loaded_and_not_trained_again(given, tmp_path):
    made = []

    def train():
        made.append(new_reward_model(given["model"], generator=torch.Generator().manual_seed(3)))
        return made[-1]

    first, second = (kept_model(tmp_path / "a" / "proxy", train) for _ in range(2))
    assert len(made) == 1
    assert torch.equal(first.score(["a film"]), second.score(["a film"]))


def test_proxy_and_gold_have_mean_0_and_sd_1_on_what_the_reference_writes(given):
    setup = Setup(RunSettings(**given))
    proxy = new_reward_model(given["model"], generator=torch.Generator().manual_seed(5))
    scorer = proxy_scorer(setup, proxy)
    texts = scorer.texts(setup.reference_samples())
    for model in (scorer.reward_model, scorer.gold):
        scores = model.score(texts)
        assert scores.mean().item() == pytest.approx(0, abs=1e-4)
        assert scores.std(correction=0).item() == pytest.approx(1, abs=1e-4)
    rollout = setup.reference_samples()
    assert scorer.measure(rollout)["gold"] == pytest.approx(0, abs=1e-4)
    assert not torch.equal(scorer.score(rollout), scorer.gold.score(texts))


def test_the_largest_gap_comes_first():
    rows = [{"score": 1.0, "gold": 1.0}, {"score": 0.0, "gold": -3.0}, {"score": 2.0, "gold": 0.5}]
    assert largest_gaps(rows, 2) == [rows[1], rows[2]]


def test_best_of_n_keeps_what_the_proxy_scores_highest():
    candidates = Candidates(
        ["a", "b"],
        [["a one", "a two", "a three", "a four"], ["b one", "b two", "b three", "b four"]],
        {"gold": torch.tensor([[4.0, 3.0, 2.0, 1.0], [0.0, 0.0, 0.0, 8.0]]), "judge": torch.zeros(2, 4)},
    )
    scores = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]])
    metrics = best_of_n_metrics(candidates, scores)
    assert metrics["n"] == powers_of_two(4) == [1, 2, 4]
    assert metrics["kl"] == pytest.approx([0, 0.1931, 0.6363], abs=1e-4)
    # of the six pairs, 3 have the last as their best, 2 the third, 1 the second
    assert metrics["score"] == pytest.approx([2.5, 20 / 6, 4])
    assert metrics["gold"] == pytest.approx([(10 / 4 + 8 / 4) / 2, ((3 * 1 + 2 * 2 + 1 * 3) / 6 + 3 * 8 / 6) / 2, 4.5])
    assert [row["text"] for row in best_of_first(candidates, scores, n=2)] == ["a two", "b two"]


def test_an_ensemble_is_as_good_as_its_worst_member_or_as_its_mean_less_the_spread():
    members, texts = [Lengths(), Lengths(-1)], ["ab", "abcd"]
    assert Ensemble(members, worst_score).score(texts).tolist() == [-2, -4]
    assert Ensemble(members, mean_minus_spread).score(texts).tolist() == [-2, -4]
    assert Ensemble([Lengths(), Lengths()], mean_minus_spread).score(texts).tolist() == [2, 4]
    ensemble = Ensemble([Lengths()], worst_score)
    ensemble.gain, ensemble.bias = 0.5, 1.0
    assert ensemble.score(texts).tolist() == [2, 3]


def test_a_length_term_pays_for_every_token(given):
    model = load_reward_model(given["reward_model"])
    plain, paid = model.score(["a", "abc"]), LengthTerm(model, per_token=2.0).score(["a", "abc"])
    assert (paid - plain).tolist() == pytest.approx([2 * 3, 2 * 5], abs=1e-5)  # bytes, bos and eos


def test_the_gold_reward_model_labels_and_drops_ties():
    assert label_pairs(["ab", "a", "cd"], ["c", "abc", "ab"], Lengths()) == [("ab", "c"), ("abc", "a")]


def test_both_experiments_are_recorded_whole(recorded):
    runs = load_recording("overoptimization", folder=recorded)
    assert [(run.name, run.seed, run.changes["method"]) for run in runs] == [
        (f"{method}, 16 pairs", seed, method.replace(" ", "-")) for seed in range(2) for method in ("ppo", "best of n")
    ]
    for run in runs:
        assert run.metrics.keys() >= {"kl", "score", "gold", "judge", "distinct_2", "response_length"}
        assert run.metrics.get("step", [1, 2, 3]) == [1, 2, 3]
        assert run.metrics.get("n", [1, 2, 4]) == [1, 2, 4]
        assert 0 < run.before["pair_accuracy"] < 1
        assert {"score", "gold", "judge", "kl"} <= run.after.keys()
        assert sum("gap" in sample for sample in run.samples) == 8
        along = [sample.get("step", sample.get("n")) for sample in run.samples if "gap" not in sample]
        assert sorted(set(along)) == ([] if run.seed else [1, 3] if "step" in run.metrics else [1, 2, 4])


def test_every_remedy_starts_where_the_run_without_one_started_and_goes_its_own_way(recorded):
    plain, *tried = load_recording("remedies", folder=recorded)
    assert (plain.name, [run.name for run in tried]) == ("no remedy", list(record_remedies.TRIED))
    (same,) = (
        run
        for run in load_recording("overoptimization", folder=recorded)
        if run.name == "ppo, 16 pairs" and not run.seed
    )
    assert plain.metrics == same.metrics
    for run in tried:
        assert run.metrics["gold"][0] == plain.metrics["gold"][0]
        assert run.metrics["policy_loss"] != plain.metrics["policy_loss"]
    assert [run.metrics["kl_coef"][0] for run in tried[:2]] == [0.05, 0.2]


def test_a_recording_goes_on_where_it_stopped_as_if_it_had_not(recorded, given, tmp_path):
    lines = (recorded / "overoptimization.json").read_text(encoding="utf-8").splitlines()
    stopped = tmp_path / "overoptimization.json"
    stopped.write_text("\n".join([*lines[:-2], "]}"]).replace("},\n]}", "}\n]}"), encoding="utf-8")
    record_overoptimization(stopped, **tiny(given, recorded))
    whole = json.loads((recorded / "overoptimization.json").read_text(encoding="utf-8"))
    assert json.loads(stopped.read_text(encoding="utf-8")) == whole


def test_remedies_need_the_run_without_one(given, tmp_path):
    with pytest.raises(CourseError, match="record overoptimization first"):
        record_remedies.record_remedies(tmp_path / "remedies.json", given=given, seeds=1, count=16, kept=tmp_path)
