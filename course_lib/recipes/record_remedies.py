"""The experiment `remedies`: PPO against one proxy that is over-optimised, with what people do about it."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from torch import Tensor

from course_lib.equations.ensemble import mean_minus_spread, worst_score
from course_lib.recipes.record_overoptimization import (
    KEPT,
    OVEROPTIMIZATION,
    SEEDS,
    ppo_run,
    rated_proxy,
)
from course_lib.recipes.recording_file import RecordingFile
from course_lib.training.experiments.proxies import SETTINGS, kept_model, proxy_scorer, rated_pairs, train_proxy
from course_lib.training.experiments.remedies import NO_REMEDY, Ensemble, LengthTerm, second_round
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.reward_model import RewardModel
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

REMEDIES = "remedies"
PAIRS = 512  # that the proxy learned from; a second round adds as many
MEMBERS = 4  # of an ensemble
PER_TOKEN = -0.1  # of the length term, in standard deviations of the score: optimised texts grow long
SECOND_ROUND_AT = 12  # steps


def record_remedies(
    out: Path, *, given: dict | None = None, seeds: int = SEEDS, count: int = PAIRS, kept: Path = KEPT
) -> None:
    """Record the runs that the file `out` does not hold yet; `given` settings go before those of the recipe.

    Raises:
        CourseError: the file of the experiment `overoptimization` beside it lacks the run without a remedy.
    """
    shared = SETTINGS | (given or {})
    recording = RecordingFile(out, REMEDIES, asdict(RunSettings(**shared)))
    for seed in range(seeds):
        if recording.lacks(NO_REMEDY, seed):
            recording.add(
                NO_REMEDY, seed, {}, run_without_remedy(out.with_name(f"{OVEROPTIMIZATION}.json"), count, seed)
            )
        for name, (changes, reward_model) in TRIED.items():
            if recording.lacks(name, seed):
                setup = Setup(RunSettings(**shared | changes | {"seed": seed}))
                made = ppo_run(setup, proxy_scorer(setup, reward_model(setup, count, kept)))
                recording.add(name, seed, changes, made)


def run_without_remedy(path: Path, count: int, seed: int) -> dict:
    """What the experiment `overoptimization` made of this proxy and seed."""
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"] if path.is_file() else []
    for run in runs:
        if (run["name"], run["seed"]) == (f"ppo, {count} pairs", seed):
            return {part: run[part] for part in ("metrics", "before", "after", "samples")}
    raise CourseError(f"Expected PPO against {count} pairs, seed {seed}, in {path}; record {OVEROPTIMIZATION} first.")


def one_proxy(setup: Setup, count: int, kept: Path) -> RewardModel:
    """The proxy as it is."""
    return rated_proxy(count, setup.settings, kept=kept)


def ensemble(setup: Setup, count: int, kept: Path, *, combine: Callable[[Tensor], Tensor]) -> Ensemble:
    """Proxies that learned from the same pairs, each with a head and an order of the pairs of its own."""
    members = (rated_proxy(count, setup.settings, kept=kept, member=member) for member in range(MEMBERS))
    return Ensemble([setup.scorer(member).reward_model for member in members], combine)


def with_length_term(setup: Setup, count: int, kept: Path) -> LengthTerm:
    """The proxy, and something for every token."""
    return LengthTerm(setup.scorer(one_proxy(setup, count, kept)).reward_model, per_token=PER_TOKEN)


def after_second_round(setup: Setup, count: int, kept: Path) -> RewardModel:
    """A proxy that learned from the pairs, and from as many of what a policy wrote to please the first proxy."""
    seed = setup.settings.seed

    def train() -> RewardModel:
        policy = Setup(setup.settings)
        scorer = proxy_scorer(policy, one_proxy(setup, count, kept))
        new = second_round(policy, scorer, steps=SECOND_ROUND_AT, count=count)
        return train_proxy(rated_pairs(count, seed=seed) + new, seed=seed, model=setup.settings.model or TINY_GPT2)

    return kept_model(kept / f"{count}-pairs-seed-{seed}-second-round", train)


TRIED = {
    "KL penalty 0.05": ({"kl_coef": 0.05}, one_proxy),
    "KL penalty 0.2": ({"kl_coef": 0.2}, one_proxy),
    "ensemble, worst": ({}, partial(ensemble, combine=worst_score)),
    "ensemble, mean minus spread": ({}, partial(ensemble, combine=mean_minus_spread)),
    "length term": ({}, with_length_term),
    "second round": ({}, after_second_round),
}
