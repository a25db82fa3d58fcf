"""PPO in three functions, as notebook 03 asks for them: experience, the loss of a minibatch, the loop."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import gae, kl_shaped_rewards, whiten
from course_lib.equations.ppo import policy_loss, value_loss
from course_lib.training.rollout import Rollout, penalised, sample
from course_lib.training.settings import PPOSettings

PerToken = Float[Tensor, "batch response_len"]
Mask = Bool[Tensor, "batch response_len"]


def experience(
    scores: Float[Tensor, " batch"],
    old_logprobs: PerToken,
    ref_logprobs: PerToken,
    old_values: PerToken,
    response_mask: Mask,
    *,
    kl_coef: float | int,
    gamma: float | int,
    lam: float | int,
) -> tuple[PerToken, PerToken]:
    """Whitened advantages, and returns = advantages + old_values, before whitening.

    Source: Ziegler et al. 2019 (arXiv:1909.08593), section 2.2; their code, train_policy.py.
    """
    rewards = kl_shaped_rewards(scores, old_logprobs, ref_logprobs, response_mask, kl_coef=kl_coef)
    advantages = gae(rewards, old_values, response_mask, gamma=gamma, lam=lam)
    return whiten(advantages, response_mask), advantages + old_values


def ppo_loss(
    logprobs: PerToken,
    values: PerToken,
    old_logprobs: PerToken,
    old_values: PerToken,
    advantages: PerToken,
    returns: PerToken,
    response_mask: Mask,
    *,
    clip_eps: float | int,
    vf_coef: float | int,
) -> Float[Tensor, ""]:
    """policy_loss + vf_coef * value_loss, both clipped by clip_eps, as OpenAI's two settings are one number by default.

    Source: Schulman et al. 2017 (arXiv:1707.06347), equation 9, without the entropy bonus.
    """
    actor = policy_loss(logprobs, old_logprobs, advantages, response_mask, clip_eps=clip_eps)
    critic = value_loss(values, old_values, returns, response_mask, clip_eps=clip_eps)
    return actor + vf_coef * critic


def train_ppo(
    policy: nn.Module,
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Float[Tensor, " batch"]],
    *,
    settings: PPOSettings,
    generator: torch.Generator,
) -> list[float]:
    """Train a policy in place, and give the mean score of each step's texts."""
    size, temperature = settings.batch_size, settings.temperature
    rates = {"kl_coef": settings.kl_coef, "gamma": settings.gamma, "lam": settings.lam}
    weights = {"clip_eps": settings.clip_eps, "vf_coef": settings.vf_coef}
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=settings.adam_eps)
    means = []
    for step in range(settings.iterations):
        optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - step / settings.iterations)
        chosen = prompts[torch.randint(len(prompts), (size,), generator=generator)]
        length = settings.response_len
        rollout = sample(policy, chosen, response_len=length, temperature=temperature, generator=generator)
        ids, mask, scores = rollout.token_ids, rollout.response_mask, score(rollout)
        with torch.no_grad():
            old, ref = (model(ids, mask, temperature=temperature) for model in (policy, reference))
        paid = penalised(scores, rollout, settings.missing_eos_penalty)
        advantages, returns = experience(paid, old.logprobs, ref.logprobs, old.values, mask, **rates)
        known = old.logprobs, old.values, advantages, returns, mask
        for _ in range(settings.epochs):
            for rows in torch.randperm(size, generator=generator).chunk(settings.minibatches):
                new = policy(ids[rows], mask[rows], temperature=temperature)
                loss = ppo_loss(new.logprobs, new.values, *(part[rows] for part in known), **weights)
                optimizer.zero_grad()
                loss.backward()
                if settings.max_grad_norm:
                    nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm)
                optimizer.step()
        means.append(scores.mean().item())
    return means
