"""From one score a text to one advantage a token: shaped rewards, TD residuals, GAE, whitening.

Index convention: values[:, t] is the value of the text before response token t, rewards[:, t] comes with token t,
and nothing follows a row's last real token: its next value is 0. A row's real tokens stand together; padding, on
either side, is 0 in every result and never read. No function detaches; the losses in ppo.py do.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.equations.masking import real_values


def kl_shaped_rewards(
    scores: Float[Tensor, " batch"],
    logprobs: Float[Tensor, "batch response_len"],
    ref_logprobs: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    kl_coef: float | int,
) -> Float[Tensor, "batch response_len"]:
    """Charge every token for leaving the reference and pay the score at the row's last real token.

    rewards_t = -kl_coef * (logprobs_t - ref_logprobs_t) + (scores if t is the last real token, else 0)

    Raises:
        ValueError: a row has no real token, so there is nowhere to pay its score.

    Source: Ziegler et al. 2019, equation 2 (arXiv 1909.08593); Stiennon et al. 2020, section 3.4 (arXiv 2009.01325).
    """
    if not response_mask.any(dim=1).all():
        empty_rows = (~response_mask.any(dim=1)).nonzero().flatten().tolist()
        raise ValueError(f"expected at least one real token in every row, got none in rows {empty_rows}")
    real_tokens_from_here = response_mask.flip(1).cumsum(1).flip(1)
    is_last = response_mask & (real_tokens_from_here == 1)
    penalties = torch.where(response_mask, -kl_coef * (logprobs - ref_logprobs), 0.0)
    return penalties + torch.where(is_last, scores.unsqueeze(1), 0.0)


def td_residuals(
    rewards: Float[Tensor, "batch response_len"],
    values: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    gamma: float | int = 1.0,
) -> Float[Tensor, "batch response_len"]:
    """Measure each token's surprise: delta_t = rewards_t + gamma * values_{t+1} - values_t.

    values_{t+1} = 0 after the last real token.

    Raises:
        ValueError: gamma is outside [0, 1].

    Source: Schulman et al. 2016, section 3 (arXiv 1506.02438).
    """
    if not 0 <= gamma <= 1:
        raise ValueError(f"expected gamma in [0, 1], got {gamma}")
    real = torch.where(response_mask, values, 0.0)
    next_values = torch.cat([real[:, 1:], torch.zeros_like(real[:, :1])], dim=1)
    return torch.where(response_mask, rewards + gamma * next_values - values, 0.0)


def gae(
    rewards: Float[Tensor, "batch response_len"],
    values: Float[Tensor, "batch response_len"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    gamma: float | int = 1.0,
    lam: float | int = 0.95,
    residuals: Callable = td_residuals,
) -> Float[Tensor, "batch response_len"]:
    """Add up the surprises that follow each token, discounted: advantages_t = delta_t + gamma * lam * advantages_{t+1}.

    lam = 0 gives the TD residuals, lam = 1 the discounted rewards to come minus values. The critic's target is
    returns = advantages + values, taken before the advantages are whitened. Another `residuals(rewards, values,
    response_mask, gamma=...)`, a student's own say, can stand in for td_residuals.

    Raises:
        ValueError: gamma or lam is outside [0, 1].

    Source: Schulman et al. 2016, equation 16 (arXiv 1506.02438).
    """
    if not 0 <= lam <= 1:
        raise ValueError(f"expected lam in [0, 1], got {lam}")
    deltas = residuals(rewards, values, response_mask, gamma=gamma)
    advantages = torch.zeros_like(deltas)
    advantage = deltas.new_zeros(len(deltas))
    for t in reversed(range(deltas.shape[1])):
        advantage = torch.where(response_mask[:, t], deltas[:, t] + gamma * lam * advantage, 0.0)
        advantages[:, t] = advantage
    return advantages


def whiten(
    values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"], *, shift_mean: bool = True, eps: float = 1e-8
) -> Float[Tensor, "*shape"]:
    """Scale the real values to variance 1 and, unless shift_mean is False, shift them to mean 0.

    whitened = (values - mean) / sqrt(variance + eps), plus mean if not shift_mean; 0 at padding.
    Mean and population variance (divided by n, not n - 1) are those of the real values alone, in double precision.
    NaN where eps is 0 and the values do not vary.

    Raises:
        ValueError: the mask is not boolean, has another shape than the values, or is True nowhere.

    Source: OpenAI's lm-human-preferences, utils/core.py, the code of Ziegler et al. 2019 (arXiv 1909.08593).
    """
    # In single precision the square of 1e20 is infinite, and equal values differ from their mean by a rounding error.
    real = real_values(values, mask).double()
    whitened = (real - real.mean()) * torch.rsqrt(real.var(correction=0) + eps)
    if not shift_mean:
        whitened = whitened + real.mean()
    return torch.zeros_like(values).masked_scatter(mask, whitened.to(values.dtype))
