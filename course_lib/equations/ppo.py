"""Proximal policy optimisation: the clipped objective, the two losses, and what to watch while they fall."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.equations.kl import k3
from course_lib.equations.masking import less_first, masked_mean, real_values


def probability_ratio(
    logprobs: Float[Tensor, "*shape"], old_logprobs: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Compare the policy with the one that sampled: ratio = exp(logprobs - old_logprobs).

    Infinite where it exceeds the largest number of its dtype: from a difference of 88.8 nats in single precision.

    Source: Schulman et al. 2017, section 3 (arXiv 1707.06347).
    """
    return torch.exp(logprobs - old_logprobs)


def clipped_objective(
    ratio: Float[Tensor, "*shape"], advantages: Float[Tensor, "*shape"], *, clip_eps: float | int = 0.2
) -> Float[Tensor, "*shape"]:
    """Reward a change of ratio only up to the clip: min(ratio * A, clip(ratio, 1 - clip_eps, 1 + clip_eps) * A).

    One number a token, to be maximised. A = advantages. NaN where an infinite ratio meets A = 0.

    Raises:
        ValueError: clip_eps is negative.

    Source: Schulman et al. 2017, equation 7 (arXiv 1707.06347).
    """
    if not clip_eps >= 0:
        raise ValueError(f"expected clip_eps of at least 0, got {clip_eps}")
    return torch.minimum(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)


def kl_penalised_objective(
    ratio: Float[Tensor, "*shape"], advantages: Float[Tensor, "*shape"], *, penalty: float | int
) -> Float[Tensor, "*shape"]:
    """Charge for leaving the old policy in place of clipping: ratio * A - penalty * ((ratio - 1) - log ratio).

    One number a token, to be maximised. A = advantages. The bracket is k3, whose mean over the old policy's tokens is
    KL(old || new); the paper sums over all actions instead. A ratio of 0 costs infinitely much; an infinite ratio gives
    NaN, and so does one of 0 without a penalty.

    Raises:
        ValueError: penalty is negative.

    Source: Schulman et al. 2017, equation 8 (arXiv 1707.06347).
    """
    if not penalty >= 0:
        raise ValueError(f"expected a penalty of at least 0, got {penalty}")
    return ratio * advantages - penalty * ((ratio - 1) - torch.log(ratio))


def policy_loss(
    logprobs: Float[Tensor, "batch response_len"],
    old_logprobs: Float[Tensor, "batch response_len"],
    advantages: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    clip_eps: float | int = 0.2,
    ratio: Callable = probability_ratio,
    objective: Callable = clipped_objective,
) -> Float[Tensor, ""]:
    """Average the clipped objective over all real tokens, with a minus: loss = -mean(clipped_objective).

    Another `ratio(logprobs, old_logprobs)` or `objective(ratio, advantages, clip_eps=...)`, a student's own say, can
    stand in for ours.

    Every real token of what is given weighs the same, whatever the length of its row; so of two minibatches with as
    many texts, a token weighs more in the one whose texts are shorter. The gradient goes to logprobs alone:
    old_logprobs and advantages are detached here.

    Raises:
        ValueError: clip_eps is negative, or the mask is True nowhere.

    Source: Schulman et al. 2017, equation 7 (arXiv 1707.06347).
    """
    ratios = ratio(real_values(logprobs, response_mask), real_values(old_logprobs.detach(), response_mask))
    return -objective(ratios, real_values(advantages.detach(), response_mask), clip_eps=clip_eps).mean()


def value_loss(
    values: Float[Tensor, "batch response_len"],
    old_values: Float[Tensor, "batch response_len"],
    returns: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    clip_eps: float | int | None = 0.2,
) -> Float[Tensor, ""]:
    """Pull the values toward the returns, but no further than clip_eps from where they were at sampling.

    loss = 0.5 * mean(max((values - returns)^2, (clipped_values - returns)^2))
    clipped_values = clip(values, old_values - clip_eps, old_values + clip_eps)

    clip_eps = None leaves 0.5 * mean((values - returns)^2). The gradient goes to values alone: old_values and
    returns are detached here.

    Raises:
        ValueError: clip_eps is negative, or the mask is True nowhere.

    Source: OpenAI's lm-human-preferences, train_policy.py, the code of Ziegler et al. 2019 (arXiv 1909.08593).
    """
    if clip_eps is not None and not clip_eps >= 0:
        raise ValueError(f"expected clip_eps of at least 0 or None, got {clip_eps}")
    values, returns = real_values(values, response_mask), real_values(returns.detach(), response_mask)
    squared_errors = (values - returns) ** 2
    if clip_eps is not None:
        old_values = real_values(old_values.detach(), response_mask)
        clipped_values = values.clamp(old_values - clip_eps, old_values + clip_eps)
        squared_errors = torch.maximum(squared_errors, (clipped_values - returns) ** 2)
    return 0.5 * squared_errors.mean()


def clip_fraction(
    ratio: Float[Tensor, "batch response_len"],
    advantages: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    clip_eps: float | int,
) -> Float[Tensor, ""]:
    """Count the share of real tokens whose clip binds: clipped_objective < ratio * advantages, so no gradient is left.

    A ratio outside the band whose advantage pulls it back is not clipped, and not counted.

    Raises:
        ValueError: clip_eps is negative, or the mask is True nowhere.

    Source: OpenAI's lm-human-preferences, train_policy.py, the code of Ziegler et al. 2019 (arXiv 1909.08593).
    """
    binds = clipped_objective(ratio, advantages, clip_eps=clip_eps) < ratio * advantages
    return masked_mean(binds.to(ratio.dtype), response_mask)


def approx_kl(
    logprobs: Float[Tensor, "batch response_len"],
    old_logprobs: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
) -> Float[Tensor, ""]:
    """Estimate how far the update moved the policy: KL(old || new) = mean((ratio - 1) - log ratio), nats a token.

    This is k3 with the old policy as the sampler, ratio = exp(logprobs - old_logprobs). OpenAI logged k2; CleanRL logs
    k3 too. Without bias on texts that the update has not seen. On the tokens that it was fitted to, as PPO logs it and
    as `target_kl` reads it, an estimate in sample and biased upward: these are the tokens that the update moved most.

    Raises:
        ValueError: the mask is True nowhere.

    Source: Schulman, Approximating KL divergence (2020).
    """
    return k3(real_values(old_logprobs, response_mask), real_values(logprobs, response_mask)).mean()


def explained_variance(
    values: Float[Tensor, "batch response_len"],
    returns: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
) -> Float[Tensor, ""]:
    """Say how much of the returns the critic foresaw: 1 - Var(returns - values) / Var(returns).

    1 is perfect, 0 no better than a constant, negative worse; NaN where the returns do not vary.

    Raises:
        ValueError: the mask is True nowhere.

    Source: the coefficient of determination, as OpenAI's Baselines and CleanRL log it beside PPO.
    """
    dtype = values.dtype
    values, returns = real_values(values, response_mask).double(), real_values(returns, response_mask).double()
    variance = less_first(returns).var(correction=0)
    unexplained = (returns - values).var(correction=0)
    return torch.where(variance > 0, 1 - unexplained / variance, torch.nan).to(dtype)
