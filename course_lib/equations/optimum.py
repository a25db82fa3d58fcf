"""What a KL-penalised training climbs, and the one distribution at its top: listed, or estimated from samples."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


def optimal_policy(
    ref_probabilities: Float[Tensor, "*shape texts"], rewards: Float[Tensor, "*shape texts"], *, kl_coef: float | int
) -> Float[Tensor, "*shape texts"]:
    """Tilt the reference toward the rewards: p(y) = ref_probabilities(y) * exp(rewards(y) / kl_coef) / Z.

    Z makes it add up to 1. This is the distribution that maximises `penalised_reward`, whatever the method: near the
    reference for a large kl_coef, near the best text alone for a small one. A text that the reference never writes
    keeps probability 0.

    Raises:
        ValueError: kl_coef is not positive.

    Source: Ziegler et al. 2019, section 2 (arXiv 1909.08593); Rafailov et al. 2023, equation 4 (arXiv 2305.18290).
    """
    if not kl_coef > 0:
        raise ValueError(f"expected a kl_coef above 0, got {kl_coef}")
    possible = torch.where(ref_probabilities > 0, rewards, -torch.inf)
    below_best = possible - possible.amax(dim=-1, keepdim=True)  # the difference does not overflow when divided
    return torch.softmax(ref_probabilities.log() + below_best / kl_coef, dim=-1)


def penalised_reward(
    probabilities: Float[Tensor, "*shape texts"],
    ref_probabilities: Float[Tensor, "*shape texts"],
    rewards: Float[Tensor, "*shape texts"],
    *,
    kl_coef: float | int,
) -> Float[Tensor, "*shape"]:
    """Value a policy over listed texts: J = sum_y p(y) (rewards(y) - kl_coef * log(p(y) / ref_probabilities(y))).

    That is, its mean reward less kl_coef times its KL from the reference, in nats a text; p = probabilities.

    Source: Ziegler et al. 2019, section 2 (arXiv 1909.08593).
    """
    log_ratio = torch.where(probabilities == 0, 0.0, probabilities.log() - ref_probabilities.log())
    return (probabilities * (rewards - kl_coef * log_ratio)).sum(dim=-1)


class FrontierEstimate(NamedTuple):
    """Score and KL (nats) of the optimum at each coefficient, and how many samples its weights are worth."""

    score: Float[Tensor, "*shape coefs"]
    kl: Float[Tensor, "*shape coefs"]
    effective_samples: Float[Tensor, "*shape coefs"]


def estimated_frontier(scores: Float[Tensor, "*shape samples"], *, kl_coefs: Sequence[float | int]) -> FrontierEstimate:
    """Estimate from the scores of a reference's samples how much score the best policy has, and at how many nats.

    Its n samples stand for the reference, each with 1/n: w = optimal_policy(1/n, scores), score = sum_i w_i * scores_i,
    KL = sum_i w_i * log(n * w_i), effective_samples = 1 / sum_i w_i^2. The samples of a row share a prompt. No policy
    has a higher score at its KL, and none a higher mean over prompts than the mean of their optima at one coefficient,
    where a further nat buys as much at every prompt: kl_coef. The estimate errs low: log(n) nats are the most that n
    samples can show, and score - kl_coef * KL is low by about kl_coef / (2 * effective_samples).

    Raises:
        ValueError: a kl_coef is not positive.

    Source: the optimum as in `optimal_policy`; self-normalised importance sampling: Owen, Monte Carlo theory, methods
    and examples, sections 9.2 and 9.3.
    """
    n = scores.shape[-1]
    alike = torch.full_like(scores, 1 / n)
    weights = torch.stack([optimal_policy(alike, scores, kl_coef=kl_coef) for kl_coef in kl_coefs], dim=-2)
    score = (weights * scores[..., None, :]).sum(dim=-1)
    kl = torch.xlogy(weights, n * weights).sum(dim=-1)
    return FrontierEstimate(score, kl, 1 / weights.square().sum(dim=-1))
