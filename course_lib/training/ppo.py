"""Proximal Policy Optimization on a language model: sample, score, estimate advantages, take clipped steps, repeat."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.equations.advantages import explained_variance
from course_lib.equations.kl import adaptive_kl_coef
from course_lib.equations.masking import masked_mean
from course_lib.equations.ppo import (
    approx_kl,
    clip_fraction,
    clipped_objective,
    policy_loss,
    probability_ratio,
    value_loss,
)
from course_lib.training.experience import Experience, gather_experience
from course_lib.training.finite import clip_gradients, require_finite
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, describe_rollout, sample
from course_lib.training.run.team import ALONE, Team
from course_lib.training.settings import PPOSettings


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
    team: Team = ALONE,
    step: int = 1,
) -> Record:
    """Several passes over one batch, in shuffled minibatches with one optimizer step each; returns mean metrics.

    Raises:
        NotFiniteError: a loss or a gradient is not finite; the weights are as they were. `step` is for its sentence.
    """
    records = []
    for _ in range(settings.epochs):
        order = torch.randperm(len(experience.token_ids), generator=generator, device=generator.device)
        for rows in team.from_first(order).chunk(settings.minibatches):
            record = backward(policy, experience, rows, settings=settings, objective=objective, team=team, step=step)
            if records and settings.target_kl and record["approx_kl"] > settings.target_kl:
                optimizer.zero_grad()
                return mean_record(records)
            norm = clip_gradients(step, policy, settings.max_grad_norm or math.inf)
            optimizer.step()
            optimizer.zero_grad()
            records.append(record | {"grad_norm": norm.item()})
    return mean_record(records)


def backward(
    policy: nn.Module,
    experience: Experience,
    rows: Int[Tensor, " rows"],
    *,
    settings: PPOSettings,
    objective: Callable,
    team: Team,
    step: int,
) -> Record:
    """Leave the gradient of a minibatch's loss in the policy, and return its metrics.

    Each rank of a team does a share of the rows. A mean over tokens is the sum of the ranks' means, each weighted by
    its share of the tokens.
    """
    batch = experience.minibatch(rows[team.rank :: team.size])
    share = batch.response_mask.sum() / experience.response_mask[rows].sum()
    loss, record = ppo_loss(policy, batch, settings=settings, objective=objective)
    require_finite(step, the_loss=loss)
    (share * loss).backward()
    team.add_up_gradients(policy)
    metrics = team.add_up(share * torch.tensor(list(record.values()), dtype=torch.float64, device=share.device))
    mean = dict(zip(record, metrics.tolist(), strict=True))
    ratio_max = team.gather(torch.tensor([record["ratio_max"]], device=share.device)).max().item()
    return mean | {"ratio_max": ratio_max}


@dataclass
class Progress:
    """Where a training stands; with the weights and the random stream, all that its next step depends on."""

    optimizer: torch.optim.Optimizer
    kl_coef: float  # as it has been adapted
    step: int = 0  # steps taken

    @classmethod
    def start(cls, policy: nn.Module, settings: PPOSettings) -> "Progress":
        """The progress of a training that has not begun."""
        adam = torch.optim.Adam(policy.parameters(), lr=settings.learning_rate, eps=settings.adam_eps, fused=True)
        return cls(adam, settings.kl_coef)

    def begin_step(self, settings: PPOSettings) -> float:
        """Count a step and set its learning rate, which falls linearly to 0; returns the rate."""
        learning_rate = settings.learning_rate * (1 - self.step / settings.iterations)
        self.optimizer.param_groups[0]["lr"] = learning_rate
        self.step += 1
        return learning_rate


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
    progress: Progress | None = None,
    team: Team = ALONE,
) -> Iterator[Record]:
    """Train `policy` in place and yield one record of named metrics a step; to stop, do not ask for the next.

    `score` gives each response one number. `objective(ratio, advantages, clip_eps=...)` is what a step climbs.
    `gather` stands in for gather_experience, with its arguments. `measure` adds metrics of its own to the record.
    Settings may be changed between two steps. A `progress` is kept up to date, and gone on from.

    Raises:
        NotFiniteError: a score, a loss or a gradient is NaN or infinite.

    Source: Schulman et al. 2017 (arXiv:1707.06347), algorithm 1; Ziegler et al. 2019 (arXiv:1909.08593) for language.
    """
    progress = progress or Progress.start(policy, settings)
    while progress.step < settings.iterations:
        started = time.perf_counter()
        kl_coef = progress.kl_coef if settings.kl_target else settings.kl_coef
        learning_rate = progress.begin_step(settings)
        share = settings.batch_size // team.size
        chosen = torch.randint(len(prompts), (share,), generator=generator, device=generator.device)
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
        scores = team.gather(score(rollout))
        require_finite(progress.step, scores=scores)
        rollout = team.gather_rollout(rollout, response_len=settings.response_len, pad_id=pad_id)
        experience = gather(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
        scored = time.perf_counter()
        trained = train_on(
            policy,
            progress.optimizer,
            experience,
            settings=settings,
            generator=generator,
            objective=objective,
            team=team,
            step=progress.step,
        )
        updated = time.perf_counter()
        described = describe(rollout, scores, experience)
        if settings.kl_target:
            progress.kl_coef = adaptive_kl_coef(
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
        yield {"step": progress.step} | described | trained | extra | rates | seconds


def describe(rollout: Rollout, scores: Float[Tensor, " batch"], experience: Experience) -> Record:
    """What the batch was like, before anything was learned from it."""
    mask = experience.response_mask
    explained = explained_variance(experience.old_values, experience.returns, mask)
    return describe_rollout(rollout, scores, experience.old_logprobs, experience.ref_logprobs) | {
        "reward": (experience.rewards * mask).sum(dim=1).mean().item(),
        "explained_variance": None if explained.isnan() else explained.item(),
    }
