"""A reward model from a handful of choices: how far it goes, and how unsure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.choices import Choice, chosen_gaps, decided
from course_lib.training.agreement import agreement
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.language_model import hidden_states
from course_lib.training.ratings import held_out
from course_lib.training.reward_model import RewardModel, crowd_model, new_reward_model

PENALTY = 1000.0  # on the squared change of the head; with few pairs, less of it is worse
RESAMPLES = 30


@dataclass(frozen=True)
class Estimate:
    """A share, and the interval in which it lies with a probability of 95%."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What came of a student's choices; accuracies are those on held-out human ratings."""

    pairs: int
    agreed: int  # pairs on which the crowd's reward model prefers the same text
    agreement: Estimate
    alone: Estimate  # a head on the GPT-2 that has read no rating
    on_crowd: Estimate  # the crowd's reward model, its head moved by the choices
    crowd: float  # the crowd's reward model itself


@cache
def unrated_model() -> RewardModel:
    """The small GPT-2 as it was before it read any rating; its head is not used."""
    return new_reward_model(TINY_GPT2, generator=torch.Generator().manual_seed(0))


def judge_choices(choices: Sequence[Choice]) -> Verdict:
    """Train two heads on the choices and compare them with the crowd; "neither" teaches nothing and is left out."""
    choices = decided(choices)
    agreed = int((chosen_gaps(crowd_model(), choices) > 0).sum())
    texts, ratings = held_out()
    return Verdict(
        pairs=len(choices),
        agreed=agreed,
        agreement=wilson(agreed, len(choices)),
        alone=held_out_accuracy(unrated_model(), choices, from_head=False),
        on_crowd=held_out_accuracy(crowd_model(), choices, from_head=True),
        crowd=agreement(crowd_model().score(texts), ratings)["pair_accuracy"],
    )


@cache
def held_out_states(model: RewardModel) -> Float[Tensor, "texts width"]:
    """The model's states of the held-out sentences."""
    return eos_states(model, held_out()[0])


def held_out_accuracy(model: RewardModel, choices: Sequence[Choice], *, from_head: bool) -> Estimate:
    """Train a head on frozen states, from the model's own head or from zero, and measure its pair accuracy.

    The interval is that of the choices drawn anew (bootstrap, Efron 1979): what would as many other pairs have given?
    """
    states = held_out_states(model)
    mean, spread = states.mean(0), states.std(0)
    both = [eos_states(model, [getattr(choice, side) for choice in choices]) for side in ("chosen", "rejected")]
    differences = (both[0] - both[1]) / spread
    scaled, ratings = (states - mean) / spread, held_out()[1]
    start = model.gain * model.lm.score.weight.detach()[0] * spread * from_head

    def accuracy(rows: Tensor) -> float:
        return agreement(scaled @ fit_head(differences[rows], start), ratings)["pair_accuracy"]

    generator = torch.Generator().manual_seed(0)
    draws = torch.randint(len(choices), (RESAMPLES, len(choices)), generator=generator)
    spread_of = torch.tensor([accuracy(rows) for rows in draws]).std().item()
    value = accuracy(torch.arange(len(choices)))
    return Estimate(value, max(value - 1.96 * spread_of, 0.0), min(value + 1.96 * spread_of, 1.0))


@torch.no_grad()
def eos_states(model: RewardModel, texts: Sequence[str]) -> Float[Tensor, "texts width"]:
    """What the model has in mind after each text: its last hidden state at eos."""
    ids = model.encode(texts)
    lengths = model.lengths(ids)
    return hidden_states(model.lm.transformer, ids, lengths)[torch.arange(len(ids)), lengths - 1]


def fit_head(
    differences: Float[Tensor, "pairs width"], start: Float[Tensor, " width"], *, penalty: float = PENALTY
) -> Float[Tensor, " width"]:
    """Fit Bradley-Terry weights by Newton's method: minimise sum(-log sigmoid(d . w)) + penalty / 2 * |w - start|^2."""
    d = differences.double()
    w = start.double()
    for _ in range(4):
        p = torch.sigmoid(d @ w)
        gradient = d.T @ (p - 1) + penalty * (w - start)
        curvature = d.T @ (d * (p * (1 - p))[:, None]) + penalty * torch.eye(len(w), dtype=d.dtype)
        w = w - torch.linalg.solve(curvature, gradient)
    return w.float()


def wilson(hits: int, trials: int) -> Estimate:
    """The share hits / trials with Wilson's 95% interval (Wilson 1927, Probable inference)."""
    z, share = 1.96, hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return Estimate(share, centre - half, centre + half)
