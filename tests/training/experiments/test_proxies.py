"""Proxies: what they learn, when they are trained again, and how they and gold are scaled."""

import pytest
import torch

from course_lib.training.experiments.proxies import kept_model, largest_gaps, proxy_scorer, rated_pairs, train_proxy
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import new_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


def test_fewer_pairs_are_the_first_of_more_and_each_seed_draws_its_own():
    assert rated_pairs(4, seed=0) == rated_pairs(9, seed=0)[:4] != rated_pairs(4, seed=1)


def test_a_proxy_learns_what_its_pairs_say_and_each_seed_gives_another(tiny_run):
    pairs = [(f"good {word}", f"bad {word}") for word in "abcdefgh"]
    proxy = train_proxy(pairs, seed=0, model=tiny_run["model"])
    chosen, rejected = zip(*pairs, strict=True)
    assert (proxy.score(chosen) > proxy.score(rejected)).all()
    again, other = (train_proxy(pairs, seed=seed, model=tiny_run["model"]) for seed in (0, 1))
    assert torch.equal(proxy.score(chosen), again.score(chosen))
    assert not torch.equal(proxy.score(chosen), other.score(chosen))


def test_a_proxy_without_pairs_is_refused(tiny_run):
    with pytest.raises(CourseError, match="Expected pairs"):
        train_proxy([], seed=0, model=tiny_run["model"])


def test_a_kept_proxy_is_loaded_and_not_trained_again(tiny_run, tmp_path):
    made = []

    def train():
        made.append(new_reward_model(tiny_run["model"], generator=torch.Generator().manual_seed(3)))
        return made[-1]

    first, second = (kept_model(tmp_path / "a" / "proxy", train) for _ in range(2))
    assert len(made) == 1
    assert torch.equal(first.score(["a film"]), second.score(["a film"]))


def test_proxy_and_gold_have_mean_0_and_sd_1_on_what_the_reference_writes(tiny_run):
    setup = Setup(RunSettings(**tiny_run))
    proxy = new_reward_model(tiny_run["model"], generator=torch.Generator().manual_seed(5))
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
