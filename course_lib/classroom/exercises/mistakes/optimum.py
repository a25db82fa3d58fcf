"""Wrong versions of the optimum of the KL-penalised objective."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import optimum

OPTIMAL_POLICY = Exercise(
    reference=optimum.optimal_policy,
    success="the reference is tilted by exp(reward / kl_coef), it adds up to 1, and no reward is too large for it.",
    probes=[
        probe(ref_probabilities=[0.5, 0.5], rewards=[0, 1], kl_coef=0.5),
        probe(ref_probabilities=[0.2, 0.7, 0.1], rewards=[2, 0, -1], kl_coef=2.0),
        probe(ref_probabilities=[[0.25, 0.75], [0.5, 0.5]], rewards=[[1, 0], [0, 3]], kl_coef=1.0),
        probe(ref_probabilities=[0.2, 0.8], rewards=[0, 200], kl_coef=0.5),
        probe(ref_probabilities=[[0.2, 0.8], [0.5, 0.5]], rewards=[[0, 200], [1, 0]], kl_coef=1.0),
    ],
    draw=lambda d: {
        "ref_probabilities": d.probabilities(),
        "rewards": d.tokens(),
        "kl_coef": d.one_of(0.5, 1, 2),
    },
    mistakes=[
        Mistake(
            "the reference is left out",
            "exp(reward / kl_coef) alone allows texts that the reference hardly writes: multiply it by the reference.",
            lambda ref, rewards, *, kl_coef: torch.softmax(rewards / kl_coef, dim=-1),
        ),
        Mistake(
            "the rewards are multiplied by kl_coef",
            "A longer leash, a smaller kl_coef, lets rewards count for more: divide by it.",
            lambda ref, rewards, *, kl_coef: torch.softmax(ref.log() + rewards * kl_coef, dim=-1),
        ),
        Mistake(
            "kl_coef is not used",
            "At 0.5 the rewards count twice as much as at 1: rewards / kl_coef.",
            lambda ref, rewards, *, kl_coef: torch.softmax(ref.log() + rewards, dim=-1),
        ),
        Mistake(
            "the probabilities do not add up to 1",
            "Divide by Z, the sum over the texts.",
            lambda ref, rewards, *, kl_coef: ref * torch.exp(rewards / kl_coef),
        ),
        Mistake(
            "Z is the sum over all prompts",
            "Each row is a prompt with a Z of its own: sum over dim=-1, keepdim=True.",
            lambda ref, rewards, *, kl_coef: _tilted(ref, rewards, kl_coef) / _tilted(ref, rewards, kl_coef).sum(),
        ),
        Mistake(
            "bad texts become likelier",
            "The sign of the reward is positive in the exponent.",
            lambda ref, rewards, *, kl_coef: torch.softmax(ref.log() - rewards / kl_coef, dim=-1),
        ),
        Mistake(
            "the reference's probability stands in the exponent, not its logarithm",
            "In the exponent a product becomes a sum: ref * exp(x) = exp(log ref + x).",
            lambda ref, rewards, *, kl_coef: torch.softmax(ref + rewards / kl_coef, dim=-1),
        ),
        Mistake(
            "the reference is divided by kl_coef too",
            "Only the reward is: at a reward of 0 everywhere the optimum is the reference itself.",
            lambda ref, rewards, *, kl_coef: torch.softmax((ref.log() + rewards) / kl_coef, dim=-1),
        ),
        Mistake(
            "log-probabilities are returned",
            "Take the exponential: probabilities are asked.",
            lambda ref, rewards, *, kl_coef: torch.log_softmax(ref.log() + rewards / kl_coef, dim=-1),
        ),
        Mistake(
            "the largest reward of all prompts is taken off each row",
            "A row far below it becomes 0 / 0. Each row takes off its own: rewards.amax(dim=-1, keepdim=True).",
            lambda ref, rewards, *, kl_coef: _shares(_tilted(ref, rewards - rewards.max(), kl_coef)),
        ),
        Mistake(
            "softmax runs over the prompts",
            "Texts stand along the last dimension: dim=-1.",
            lambda ref, rewards, *, kl_coef: torch.softmax(ref.log() + rewards / kl_coef, dim=0),
        ),
        Mistake(
            "the Z of one row divides a column",
            "A sum loses its dimension, and torch then sets it under the wrong one: sum(dim=-1, keepdim=True).",
            lambda ref, rewards, *, kl_coef: (
                _tilted(ref, rewards, kl_coef) / _tilted(ref, rewards, kl_coef).sum(dim=-1)
            ),
        ),
        Mistake(
            "the exponential overflows for a large reward",
            "exp(400) is infinite on a computer: torch.softmax(log ref + reward / kl_coef) takes off the largest.",
            lambda ref, rewards, *, kl_coef: _shares(_tilted(ref, rewards, kl_coef)),
        ),
    ],
)


def _tilted(ref: torch.Tensor, rewards: torch.Tensor, kl_coef: float) -> torch.Tensor:
    return ref * torch.exp(rewards / kl_coef)


def _shares(weights: torch.Tensor) -> torch.Tensor:
    return weights / weights.sum(dim=-1, keepdim=True)
