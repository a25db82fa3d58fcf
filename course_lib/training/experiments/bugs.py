"""Five silent mistakes: each stands in for `gather_experience`, raises nothing, and spoils the training."""

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from course_lib.equations.advantages import gae, kl_shaped_rewards
from course_lib.equations.masking import whiten
from course_lib.training.experience import Experience, gather_experience
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings

Scores = Float[Tensor, " batch"]


def kl_sign(
    policy: nn.Module, reference: nn.Module, rollout: Rollout, scores: Scores, *, kl_coef: float, settings: PPOSettings
) -> Experience:
    """Wrong: the penalty is added, so the policy is paid for leaving the reference."""
    return gather_experience(policy, reference, rollout, scores, kl_coef=-kl_coef, settings=settings)


def prompt_not_masked(
    policy: nn.Module, reference: nn.Module, rollout: Rollout, scores: Scores, *, kl_coef: float, settings: PPOSettings
) -> Experience:
    """Wrong: the prompt's tokens count as response, so the policy is trained on words that it did not write."""
    bos, prompt = rollout.prompt_ids[:, :1], rollout.prompt_ids[:, 1:]
    mask = torch.cat([torch.ones_like(prompt, dtype=torch.bool), rollout.response_mask], dim=1)
    everything = Rollout(bos, torch.cat([prompt, rollout.response_ids], dim=1), mask, rollout.ended)
    return gather_experience(policy, reference, everything, scores, kl_coef=kl_coef, settings=settings)


def logprobs_shifted(
    policy: nn.Module, reference: nn.Module, rollout: Rollout, scores: Scores, *, kl_coef: float, settings: PPOSettings
) -> Experience:
    """Wrong: each token is given the old log-probability of the next, so the ratio compares two different tokens."""
    experience = gather_experience(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
    return replace(experience, old_logprobs=experience.old_logprobs.roll(-1, dims=1))


def advantages_not_whitened(
    policy: nn.Module, reference: nn.Module, rollout: Rollout, scores: Scores, *, kl_coef: float, settings: PPOSettings
) -> Experience:
    """Wrong: advantages keep their scale and their mean, so what the value function missed pushes every token."""
    settings = replace(settings, whiten_advantages=False)
    return gather_experience(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)


def reward_on_the_wrong_token(
    policy: nn.Module, reference: nn.Module, rollout: Rollout, scores: Scores, *, kl_coef: float, settings: PPOSettings
) -> Experience:
    """Wrong: the score is paid at the first token, so no later token is praised or blamed for it."""
    right = gather_experience(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
    mask, nothing = right.response_mask, torch.zeros_like(scores)
    rewards = kl_shaped_rewards(nothing, right.old_logprobs, right.ref_logprobs, mask, kl_coef=kl_coef)
    rewards[:, 0] += scores - settings.missing_eos_penalty * ~rollout.ended
    advantages = gae(rewards, right.old_values, mask, gamma=settings.gamma, lam=settings.lam)
    returns = advantages + right.old_values
    return replace(right, rewards=rewards, advantages=whiten(advantages, mask), returns=returns)


BUGS: dict[str, Callable[..., Experience]] = {
    "healthy": gather_experience,
    "kl sign": kl_sign,
    "prompt not masked": prompt_not_masked,
    "logprobs shifted": logprobs_shifted,
    "advantages not whitened": advantages_not_whitened,
    "reward on the wrong token": reward_on_the_wrong_token,
}
