"""From one score a text to one advantage a token: shaped rewards, TD residuals, GAE.

Index convention: values[:, t] is the value of the text before response token t, rewards[:, t] comes with token t,
and nothing follows a row's last real token: its next value is 0. A row's real tokens stand together; padding, on
either side, is 0 in every result and never read. No function detaches; the losses in ppo.py do.
"""

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
) -> Float[Tensor, "batch response_len"]:
    """Add up the surprises that follow each token, discounted: advantages_t = delta_t + gamma * lam * advantages_{t+1}.

    lam = 0 gives the TD residuals, lam = 1 the discounted rewards to come minus values. The critic's target is
    returns = advantages + values, taken before the advantages are whitened.

    Raises:
        ValueError: gamma or lam is outside [0, 1].

    Source: Schulman et al. 2016, equation 16 (arXiv 1506.02438).
    """
    if not 0 <= lam <= 1:
        raise ValueError(f"expected lam in [0, 1], got {lam}")
    deltas = td_residuals(rewards, values, response_mask, gamma=gamma)
    advantages = torch.zeros_like(deltas)
    advantage = deltas.new_zeros(len(deltas))
    for t in reversed(range(deltas.shape[1])):
        advantage = torch.where(response_mask[:, t], deltas[:, t] + gamma * lam * advantage, 0.0)
        advantages[:, t] = advantage
    return advantages


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
    # Less the first of them, equal returns are exactly 0, and so is their variance, not a rounding error.
    variance = (returns - returns[0]).var(correction=0)
    unexplained = (returns - values).var(correction=0)
    return torch.where(variance > 0, 1 - unexplained / variance, torch.nan).to(dtype)
