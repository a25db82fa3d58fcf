"""The distance from the reference, KL(policy || reference): three estimators, the exact sum, and its controller.

Tokens are sampled from the policy, so E below is over the policy. Everything is in nats.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def k1(logprobs: Float[Tensor, "*shape"], ref_logprobs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Estimate KL per sampled token by k1 = logprobs - ref_logprobs: E[k1] = KL, single values of either sign.

    Source: Schulman, Approximating KL divergence (2020); the penalty of Ziegler et al. 2019, eq. 2 (arXiv 1909.08593).
    """
    return logprobs - ref_logprobs


def k2(logprobs: Float[Tensor, "*shape"], ref_logprobs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Estimate KL per sampled token by k2 = (logprobs - ref_logprobs)^2 / 2: never negative, biased, low variance.

    Source: Schulman, Approximating KL divergence (2020).
    """
    return (logprobs - ref_logprobs) ** 2 / 2


def k3(logprobs: Float[Tensor, "*shape"], ref_logprobs: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Estimate KL per sampled token by k3 = (r - 1) - log r, r = exp(ref_logprobs - logprobs).

    E[k3] = KL, never negative, low variance while the two are close. r is reference over policy, not the reverse.
    NaN where logprobs = -inf, for the policy never samples such a token.

    Source: Schulman, Approximating KL divergence (2020).
    """
    log_r = ref_logprobs - logprobs
    return torch.expm1(log_r) - log_r


def exact_kl(
    logits: Float[Tensor, "batch length vocab"], ref_logits: Float[Tensor, "batch length vocab"]
) -> Float[Tensor, "batch length"]:
    """Sum KL over the vocabulary: KL_t = sum_v p_tv (log p_tv - log q_tv), p the policy's softmax, q the reference's.

    A token whose p_tv is 0, or rounds to 0, adds nothing; any other with q_tv = 0 makes KL infinite. Logits are taken
    at temperature 1: divide both by the sampler's temperature first.

    Source: Kullback & Leibler, On Information and Sufficiency (1951).
    """
    logprobs, ref_logprobs = torch.log_softmax(logits, dim=-1), torch.log_softmax(ref_logits, dim=-1)
    probabilities = logprobs.exp()
    return (probabilities * torch.where(probabilities == 0, 0.0, logprobs - ref_logprobs)).sum(-1)


def adaptive_kl_coef(
    kl_coef: float | int, kl: float | int, *, target: float | int, horizon: float | int, batch_size: int
) -> float:
    """Move the KL coefficient toward the target: kl_coef * (1 + e * batch_size / horizon).

    e = clip(kl / target - 1, -0.2, 0.2). kl and target are nats per response (summed over its tokens, averaged
    over the batch), batch_size and horizon count responses. OpenAI: target 6, horizon 10,000, batch 512. A batch of
    5 horizons or more can bring the coefficient to 0 and below.

    Raises:
        ValueError: target or horizon is not positive, or kl is not finite.

    Source: Ziegler et al. 2019, section 2.2 (arXiv 1909.08593), in OpenAI's code lm-human-preferences.
    """
    if not (target > 0 and horizon > 0 and math.isfinite(kl)):
        raise ValueError(f"expected target > 0, horizon > 0 and a finite kl, got {target}, {horizon} and {kl}")
    error = min(max(kl / target - 1, -0.2), 0.2)
    return kl_coef * (1 + error * batch_size / horizon)
