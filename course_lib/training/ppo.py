"""Proximal Policy Optimization on a language model: sample, score, estimate advantages, take clipped steps, repeat."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import explained_variance, gae, kl_shaped_rewards
from course_lib.equations.kl import adaptive_kl_coef, k1
from course_lib.equations.masking import masked_mean, whiten
from course_lib.equations.ppo import (
    approx_kl,
    clip_fraction,
    clipped_objective,
    policy_loss,
    probability_ratio,
    value_loss,
)
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, sample
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


def ppo_loss(
    policy: nn.Module, batch: Experience, *, settings: PPOSettings, objective: Callable = clipped_objective
) -> tuple[Float[Tensor, ""], Record]:
    """PPO's loss: policy loss + vf_coef * value loss - ent_coef * entropy (arXiv:1707.06347, equation 9)."""
    new = policy(batch.token_ids, batch.response_mask, temperature=settings.temperature)
    mask, clip_eps, value_clip_eps = batch.response_mask, settings.clip_eps, settings.value_clip_eps or None
    actor_loss = policy_loss(
        new.logprobs, batch.old_logprobs, batch.advantages, mask, clip_eps=clip_eps, objective=objective
    )
    critic_loss = value_loss(new.values, batch.old_values, batch.returns, mask, clip_eps=value_clip_eps)
    mean_entropy = masked_mean(new.entropy, mask)
    loss = actor_loss + settings.vf_coef * critic_loss
    if settings.ent_coef:  # its way back through the whole vocabulary costs as much as the policy loss
        loss = loss - settings.ent_coef * mean_entropy
    ratio = probability_ratio(new.logprobs.detach(), batch.old_logprobs)
    return loss, {
        "policy_loss": actor_loss.item(),
        "value_loss": critic_loss.item(),
        "entropy": mean_entropy.item(),
        "approx_kl": approx_kl(new.logprobs.detach(), batch.old_logprobs, mask).item(),
        "clip_fraction": clip_fraction(ratio, batch.advantages, mask, clip_eps=clip_eps).item(),
        "ratio_max": ratio[mask].max().item(),
    }


def train_on(
    policy: nn.Module,
    optimizer: torch.optim.Optimizer,
    experience: Experience,
    *,
    settings: PPOSettings,
    generator: torch.Generator,
    objective: Callable = clipped_objective,
) -> Record:
    """Several passes over one batch, in shuffled minibatches with one optimizer step each; returns mean metrics."""
    records = []
    for _ in range(settings.epochs):
        order = torch.randperm(len(experience.token_ids), generator=generator, device=generator.device)
        for rows in order.chunk(settings.minibatches):
            loss, record = ppo_loss(policy, experience.minibatch(rows), settings=settings, objective=objective)
            if records and settings.target_kl and record["approx_kl"] > settings.target_kl:
                return mean_record(records)
            loss.backward()
            norm = nn.utils.clip_grad_norm_(policy.parameters(), settings.max_grad_norm or math.inf)
            optimizer.step()
            optimizer.zero_grad()
            records.append(record | {"grad_norm": norm.item()})
    return mean_record(records)


def mean_record(records: list[Record]) -> Record:
    """Average the metrics of the minibatches; of `ratio_max`, the largest."""
    mean = {name: sum(record[name] for record in records) / len(records) for name in records[0]}
    return mean | {"ratio_max": max(record["ratio_max"] for record in records)}


def ppo(
    policy: nn.Module,
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Tensor],
    *,
    settings: PPOSettings,
    eos_id: int,
    pad_id: int,
    generator: torch.Generator,
    objective: Callable = clipped_objective,
    gather: Callable[..., Experience] = gather_experience,
    measure: Callable[[Rollout], Record] | None = None,
) -> Iterator[Record]:
    """Train `policy` in place and yield one record of named metrics a step; to stop, do not ask for the next.

    `score` gives each response one number. `objective(ratio, advantages, clip_eps=...)` is what a step climbs.
    `gather` stands in for gather_experience, with its arguments. `measure` adds metrics of its own to the record.
    Settings may be changed between two steps.
    Source: Schulman et al. 2017 (arXiv:1707.06347), algorithm 1; Ziegler et al. 2019 (arXiv:1909.08593) for language.
    """
    optimizer = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=settings.adam_eps, fused=True)
    adapted_kl_coef = settings.kl_coef
    for step in range(settings.iterations):
        started = time.perf_counter()
        kl_coef = adapted_kl_coef if settings.kl_target else settings.kl_coef
        learning_rate = settings.learning_rate * (1 - step / settings.iterations)
        optimizer.param_groups[0]["lr"] = learning_rate
        chosen = torch.randint(len(prompts), (settings.batch_size,), generator=generator, device=generator.device)
        rollout = sample(
            policy.lm,
            prompts[chosen],
            response_len=settings.response_len,
            eos_id=eos_id,
            pad_id=pad_id,
            temperature=settings.temperature,
            generator=generator,
        )
        sampled = time.perf_counter()
        scores = score(rollout)
        experience = gather(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
        scored = time.perf_counter()
        trained = train_on(policy, optimizer, experience, settings=settings, generator=generator, objective=objective)
        updated = time.perf_counter()
        described = describe(rollout, scores, experience)
        if settings.kl_target:
            adapted_kl_coef = adaptive_kl_coef(
                kl_coef,
                described["kl"],
                target=settings.kl_target,
                horizon=settings.kl_horizon,
                batch_size=settings.batch_size,
            )
        extra = measure(rollout) if measure else {}
        seconds = {
            "rollout_seconds": sampled - started,
            "scoring_seconds": scored - sampled,
            "update_seconds": updated - scored,
            "seconds": time.perf_counter() - started,
        }
        rates = {"kl_coef": kl_coef, "learning_rate": learning_rate}
        yield {"step": step + 1} | described | trained | extra | rates | seconds


def describe(rollout: Rollout, scores: Float[Tensor, " batch"], experience: Experience) -> Record:
    """What the batch was like, before anything was learned from it; `kl` is in nats a response."""
    mask = experience.response_mask
    kl = (k1(experience.old_logprobs, experience.ref_logprobs) * mask).sum(dim=1)
    explained = explained_variance(experience.old_values, experience.returns, mask)
    return {
        "score": scores.mean().item(),
        "kl": kl.mean().item(),
        "reward": (experience.rewards * mask).sum(dim=1).mean().item(),
        "explained_variance": None if explained.isnan() else explained.item(),
        "eos_share": rollout.ended.float().mean().item(),
        "response_length": mask.sum(dim=1).float().mean().item(),
    }
