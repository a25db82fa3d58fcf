"""The relatives of PPO: what a text is compared with, and the loss that follows; no value function, no GAE.

A text is one action here: one advantage for all of its tokens. Where KL enters differs: REINFORCE and RLOO charge it
in the return of the text, the sum of `kl_shaped_rewards`; GRPO adds it to the loss.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.equations.kl import k3
from course_lib.equations.logprobs import text_logprobs
from course_lib.equations.masking import less_first, real_values
from course_lib.equations.ppo import clipped_objective, probability_ratio


def reinforce_advantages(returns: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Compare each text with the rest of its batch, whatever the prompts: A_i = R_i - mean_{j != i} R_j.

    The baseline of a text does not depend on that text, so the gradient stays unbiased: E[baseline * grad log p] = 0.
    With its own return in the mean, the gradient would be scaled by 1 - 1 / batch.

    Raises:
        ValueError: there are fewer than two texts.

    Source: Williams 1992 (Machine Learning 8, 229), REINFORCE with a baseline; the others of the batch serve as it.
    """
    return rloo_advantages(returns.unsqueeze(0)).squeeze(0)


def rloo_advantages(returns: Float[Tensor, "prompts responses"]) -> Float[Tensor, "prompts responses"]:
    """Compare each text with the others to the same prompt, leaving it out: A_i = R_i - mean_{j != i} R_j.

    Raises:
        ValueError: there are fewer than two responses to a prompt.

    Source: Ahmadian et al. 2024, section 2.3 (arXiv 2402.14740); Kool et al. 2019 (Buy 4 REINFORCE samples).
    """
    _require_others(returns)
    others = returns.sum(dim=1, keepdim=True) - returns
    return returns - others / (returns.shape[1] - 1)


def grpo_advantages(
    scores: Float[Tensor, "prompts responses"], *, eps: float = 1e-8
) -> Float[Tensor, "prompts responses"]:
    """Whiten the scores of each prompt's responses: A_i = (r_i - mean(r)) / sqrt(variance(r) + eps).

    Population variance (divided by n), in double precision; the paper does not say which, nor has it an eps. So a
    prompt whose responses are nearly alike weighs as much as any other. NaN where eps is 0 and all scores are equal.

    Raises:
        ValueError: there are fewer than two responses to a prompt.

    Source: Shao et al. 2024, section 4.1.2 (arXiv 2402.03300).
    """
    _require_others(scores)
    apart = less_first(scores).double()
    centred = apart - apart.mean(dim=1, keepdim=True)
    return (centred * torch.rsqrt(apart.var(dim=1, correction=0, keepdim=True) + eps)).to(scores.dtype)


def reinforce_loss(
    logprobs: Float[Tensor, "batch response_len"],
    advantages: Float[Tensor, " batch"],
    response_mask: Bool[Tensor, "batch response_len"],
) -> Float[Tensor, ""]:
    """Make texts with a positive advantage more likely: loss = -mean_i(A_i * log p(text_i)), for REINFORCE and RLOO.

    Its gradient is the policy gradient only while the policy is still the one that sampled: one step a batch. The
    gradient goes to logprobs alone: advantages are detached here. NaN where one A_i * log p is infinite and another is
    minus infinity.

    Source: Williams 1992 (Machine Learning 8, 229); Ahmadian et al. 2024, section 2.2 (arXiv 2402.14740).
    """
    return -(advantages.detach() * text_logprobs(logprobs, response_mask)).mean()


def grpo_loss(
    logprobs: Float[Tensor, "batch response_len"],
    old_logprobs: Float[Tensor, "batch response_len"],
    ref_logprobs: Float[Tensor, "batch response_len"],
    advantages: Float[Tensor, " batch"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    clip_eps: float | int = 0.2,
    kl_coef: float | int = 0.05,
    ratio: Callable = probability_ratio,
    objective: Callable = clipped_objective,
) -> Float[Tensor, ""]:
    """Climb PPO's clipped objective and pay for KL in the loss, averaged over each text's tokens, then over the texts.

    loss = -mean_i(mean_t(clipped_objective(ratio_it, A_i) - kl_coef * k3_it)), ratio = exp(logprobs - old_logprobs)

    So a token of a long text weighs less than one of a short text, and a text without a real token nothing. Another
    `ratio` or `objective` can stand in for ours, as in `policy_loss`. The gradient goes to logprobs alone: the others
    are detached here. E[k3] is KL(policy || reference), but with the texts held fixed the expected gradient of k3 at a
    token is that of KL(reference || policy) there, at prefixes that the policy wrote; both KL have the same minimum.
    NaN where kl_coef is 0 and a k3 infinite, or an advantage is 0 and its ratio infinite.

    Raises:
        ValueError: clip_eps is negative, or the mask is True nowhere.

    Source: Shao et al. 2024, equations 3 and 4 (arXiv 2402.03300).
    """
    new, old = real_values(logprobs, response_mask), real_values(old_logprobs.detach(), response_mask)
    token_advantages = advantages.detach().unsqueeze(1).expand_as(logprobs)[response_mask]
    gained = objective(ratio(new, old), token_advantages, clip_eps=clip_eps)
    gained = gained - kl_coef * k3(new, real_values(ref_logprobs.detach(), response_mask))
    token_weights = (1 / response_mask.sum(dim=1, keepdim=True)).expand_as(logprobs)[response_mask] / len(logprobs)
    return -(token_weights * gained).sum()


def dr_grpo_loss(
    logprobs: Float[Tensor, "batch response_len"],
    old_logprobs: Float[Tensor, "batch response_len"],
    advantages: Float[Tensor, " batch"],
    response_mask: Bool[Tensor, "batch response_len"],
    *,
    longest: int,
    clip_eps: float | int = 0.2,
    ratio: Callable = probability_ratio,
    objective: Callable = clipped_objective,
) -> Float[Tensor, ""]:
    """Climb PPO's clipped objective with every token weighing the same, however long its text.

    loss = -mean_i(sum_t(clipped_objective(ratio_it, A_i)) / longest), ratio = exp(logprobs - old_logprobs)

    `longest`, the most tokens that a response can have, is the same for all batches; GRPO divides each text's sum by
    its own length, so that a token of a long text that fails is pushed down less than one of a short text. Another
    `ratio` or `objective` can stand in for ours, as in `policy_loss`. The gradient goes to logprobs alone: the others
    are detached here. NaN where an advantage is 0 and its ratio infinite.

    Raises:
        ValueError: clip_eps is negative, longest is below 1, or the mask is True nowhere.

    Source: Liu et al. 2025, section 3.2 and listing 1 (arXiv 2503.20783).
    """
    if longest < 1:
        raise ValueError(f"expected longest of 1 or more, got {longest}")
    new, old = real_values(logprobs, response_mask), real_values(old_logprobs.detach(), response_mask)
    token_advantages = advantages.detach().unsqueeze(1).expand_as(logprobs)[response_mask]
    gained = objective(ratio(new, old), token_advantages, clip_eps=clip_eps)
    return -gained.sum() / (longest * len(logprobs))


def _require_others(returns: Float[Tensor, "prompts responses"]) -> None:
    if returns.shape[1] < 2:
        raise ValueError(f"expected at least two texts to compare, got {returns.shape[1]}")
