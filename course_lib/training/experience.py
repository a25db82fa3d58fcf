"""What PPO learns from: a batch of responses with their rewards, advantages and returns."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import gae, kl_shaped_rewards
from course_lib.equations.masking import whiten
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings


@dataclass
class Experience:
    """What is known of a batch when the policy that wrote it is about to change; nothing here carries a gradient."""

    token_ids: Int[Tensor, "batch total_len"]
    response_mask: Bool[Tensor, "batch response_len"]
    old_logprobs: Float[Tensor, "batch response_len"]
    ref_logprobs: Float[Tensor, "batch response_len"]
    old_values: Float[Tensor, "batch response_len"]
    rewards: Float[Tensor, "batch response_len"]
    advantages: Float[Tensor, "batch response_len"]
    returns: Float[Tensor, "batch response_len"]

    def minibatch(self, rows: Int[Tensor, " rows"]) -> "Experience":
        """The given rows, cut to the longest response among them."""
        padding = int((~self.response_mask[rows]).sum(dim=1).min())
        columns = (getattr(self, field.name) for field in fields(self))
        return Experience(*(column[rows, : column.shape[1] - padding] for column in columns))


@torch.no_grad()
def gather_experience(
    policy: nn.Module,
    reference: nn.Module,
    rollout: Rollout,
    scores: Float[Tensor, " batch"],
    *,
    kl_coef: float,
    settings: PPOSettings,
) -> Experience:
    """Turn responses and their scores into rewards, advantages and returns.

    The reward of a token is -kl_coef * (logprob - ref_logprob), and the score at the last token (Ziegler et al. 2019,
    arXiv:1909.08593, section 2).
    """
    mask = rollout.response_mask
    old = policy(rollout.token_ids, mask, temperature=settings.temperature)
    ref_logprobs = reference(rollout.token_ids, mask, temperature=settings.temperature).logprobs
    scores = scores - settings.missing_eos_penalty * ~rollout.ended
    rewards = kl_shaped_rewards(scores, old.logprobs, ref_logprobs, mask, kl_coef=kl_coef)
    if settings.whiten_rewards:
        rewards = whiten(rewards, mask, shift_mean=False)
    advantages = gae(rewards, old.values, mask, gamma=settings.gamma, lam=settings.lam)
    returns = advantages + old.values
    if settings.whiten_advantages:
        advantages = whiten(advantages, mask)
    return Experience(rollout.token_ids, mask, old.logprobs, ref_logprobs, old.values, rewards, advantages, returns)
