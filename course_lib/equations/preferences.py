"""Learning from comparisons: the Bradley-Terry model, its loss, gain and bias of its scores, and DPO."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_lib.equations.masking import less_first


def preference_probability(
    chosen_rewards: Float[Tensor, "*pairs"], rejected_rewards: Float[Tensor, "*pairs"]
) -> Float[Tensor, "*pairs"]:
    """Predict how likely the chosen text wins: p = sigmoid(chosen_rewards - rejected_rewards).

    Source: Bradley & Terry 1952 (Biometrika 39, 324); Christiano et al. 2017, equation 1 (arXiv 1706.03741).
    """
    return torch.sigmoid(chosen_rewards - rejected_rewards)


def bradley_terry_loss(
    chosen_rewards: Float[Tensor, " pairs"], rejected_rewards: Float[Tensor, " pairs"]
) -> Float[Tensor, ""]:
    """Score a reward model on pairs: loss = -mean(log sigmoid(chosen_rewards - rejected_rewards)), nats a pair.

    A model that cannot tell them apart stands at log 2 = 0.693.

    Raises:
        ValueError: there is no pair.

    Source: Stiennon et al. 2020, section 3.4 (arXiv 2009.01325); Ouyang et al. 2022, equation 1 (arXiv 2203.02155).
    """
    _require_pairs(chosen_rewards)
    return -F.logsigmoid(chosen_rewards - rejected_rewards).mean()


def dpo_loss(
    chosen_logprobs: Float[Tensor, " pairs"],
    rejected_logprobs: Float[Tensor, " pairs"],
    ref_chosen_logprobs: Float[Tensor, " pairs"],
    ref_rejected_logprobs: Float[Tensor, " pairs"],
    *,
    kl_coef: float | int,
) -> Float[Tensor, ""]:
    """Fit the policy itself to pairs: loss = -mean(log sigmoid(chosen_rewards - rejected_rewards)), nats a pair.

    A text's reward is what the policy implies: kl_coef * (logprobs - ref_logprobs), of whole texts. It is that of
    which the policy would be the optimum, policy proportional to reference * exp(reward / kl_coef), up to a number
    that is the same for both texts of a prompt. The gradient goes to the policy's logprobs alone; with a kl_coef of 0
    there is none.

    Raises:
        ValueError: there is no pair.

    Source: Rafailov et al. 2023, equation 7 (arXiv 2305.18290).
    """
    chosen_rewards = kl_coef * (chosen_logprobs - ref_chosen_logprobs.detach())
    rejected_rewards = kl_coef * (rejected_logprobs - ref_rejected_logprobs.detach())
    return bradley_terry_loss(chosen_rewards, rejected_rewards)


def pair_accuracy(
    chosen_rewards: Float[Tensor, " pairs"], rejected_rewards: Float[Tensor, " pairs"]
) -> Float[Tensor, ""]:
    """Count the share of pairs with chosen_rewards > rejected_rewards; a tie counts one half.

    So exchanging chosen and rejected turns accuracy a into 1 - a.

    Raises:
        ValueError: there is no pair.

    Source: Stiennon et al. 2020, section 4.3 (arXiv 2009.01325).
    """
    _require_pairs(chosen_rewards)
    margins = chosen_rewards - rejected_rewards
    return torch.heaviside(margins, margins.new_tensor(0.5)).mean()


def gain_and_bias(scores: Float[Tensor, " samples"]) -> tuple[float, float]:
    """Find the gain and bias that give gain * scores + bias mean 0 and standard deviation 1.

    gain = 1 / sd(scores), bias = -gain * mean(scores), sd the population's. Scores: on samples of the reference policy.

    Raises:
        ValueError: fewer than two scores, or their standard deviation is 0 or not finite.

    Source: Ziegler et al. 2019, section 2 (arXiv 1909.08593), in OpenAI's code lm-human-preferences, rewards.py.
    """
    scores = scores.double()
    sd = less_first(scores).std(correction=0).item()
    if not 0 < sd < math.inf:
        raise ValueError(f"expected two or more scores that differ, all finite, got {len(scores)} with sd {sd}")
    return 1 / sd, -scores.mean().item() / sd


def _require_pairs(rewards: Float[Tensor, " pairs"]) -> None:
    if len(rewards) == 0:
        raise ValueError("expected at least one pair, got 0")
