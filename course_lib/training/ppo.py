"""Proximal Policy Optimization on a language model: sample, score, gather experience, take clipped steps, repeat.

The loop, `train`, is that of PPO's relatives too; PPO's own two choices are the methods of `PPO`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.training.files.errors import CourseError
from course_lib.training.finite import require_finite
from course_lib.training.method import Experience, Mask, Method, PerText, PerTextOrToken, PerToken
from course_lib.training.policy import PolicyOutput
from course_lib.training.progress import Progress
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, describe_rollout, sample
from course_lib.training.settings import PPOSettings


@dataclass
class PPO(Method):
    """A token is compared with what the value function expected; the clipped objective is climbed.

    Source: Schulman et al. 2017, equation 9 (arXiv:1707.06347).
    """

    has_critic: ClassVar[bool] = True

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """GAE on the value function, whitened; returns = advantages + values, before that."""
        advantages = self.whole_gae(rewards, values, response_mask, gamma=settings.gamma, lam=settings.lam)
        returns = advantages + values
        return self.whiten(advantages, response_mask) if settings.whiten_advantages else advantages, returns

    def loss(
        self, new: PolicyOutput, minibatch: Experience, *, settings: PPOSettings, kl_coef: float
    ) -> tuple[Float[Tensor, ""], Record]:
        """Policy loss + vf_coef * value loss; for every method the loop takes ent_coef * entropy from it."""
        mask, value_clip = minibatch.response_mask, settings.value_clip_eps or None
        actor = self.whole_policy_loss(
            new.logprobs, minibatch.old_logprobs, minibatch.advantages, mask, clip_eps=settings.clip_eps
        )
        critic = self.value_loss(new.values, minibatch.old_values, minibatch.returns, mask, clip_eps=value_clip)
        loss = actor + settings.vf_coef * critic
        return loss, {"policy_loss": actor.item(), "value_loss": critic.item()}


def train(
    policy: nn.Module,
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Tensor],
    *,
    settings: PPOSettings,
    method: Method | None = None,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """Train `policy` in place and yield one record of named metrics a step; to stop, do not ask for the next.

    `score` gives each response one number. `method` is PPO() unless another is given. Settings may be changed between
    two steps. A `progress` is kept up to date, and gone on from.

    Raises:
        CourseError: the batch cannot be shared out.
        NotFiniteError: a score, a loss or a gradient is NaN or infinite; no step was taken on it.

    Source: Schulman et al. 2017 (arXiv:1707.06347), algorithm 1; Ziegler et al. 2019 (arXiv:1909.08593) for language.
    """
    method, progress = method or PPO(), progress or Progress.start(policy, settings)
    while progress.step < settings.iterations:
        progress.begin_step(settings)
        rollout = collect(policy, prompts, responses=method.responses, settings=settings, progress=progress)
        scores = score(rollout)
        require_finite(progress.step, "scores", scores)
        kl_coef = progress.kl_coef
        experience = method.gather(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
        updates = []
        for minibatch in method.minibatches(experience, settings=settings, progress=progress):
            new = method.read(policy, minibatch, temperature=settings.temperature)
            loss, parts = method.loss(new, minibatch, settings=settings, kl_coef=kl_coef)
            loss = loss - method.entropy_bonus(new, minibatch.response_mask, settings)
            require_finite(progress.step, "the loss", loss)
            measured = parts | method.measure(new, minibatch, clip_eps=settings.clip_eps)
            update = progress.team.mean(measured, minibatch.share)
            if updates and 0 < settings.target_kl < update["approx_kl"]:
                break
            (minibatch.share * loss).backward()
            update["grad_norm"] = progress.clip_gradients(policy, settings)
            progress.optimizer.step()
            progress.optimizer.zero_grad()  # no gradient takes up memory while the next texts are read
            updates.append(update)
        read = experience.old_logprobs, experience.ref_logprobs, experience.response_mask
        record = progress.record() | describe_rollout(scores, *read, rollout.ended)
        progress.kl_coef = next_kl_coef(method, record, settings)
        yield record | method.describe(experience) | mean_record(updates)


def collect(
    policy: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    *,
    responses: int = 1,
    settings: PPOSettings,
    progress: Progress,
) -> Rollout:
    """Let the policy continue prompts drawn at random, so many `responses` to each; each process writes its part."""
    generator, team = progress.generator, progress.team
    if settings.batch_size % (responses * team.size):
        raise CourseError(
            f"Expected a batch that {responses} responses to each prompt and {team.size} processes divide, but it is "
            f"{settings.batch_size}; change --batch-size."
        )
    count = settings.batch_size // responses // team.size
    chosen = torch.randint(len(prompts), (count,), generator=generator, device=generator.device)
    rollout = sample(
        policy,
        prompts[chosen].repeat_interleave(responses, dim=0),
        response_len=settings.response_len,
        temperature=settings.temperature,
        generator=generator,
    )
    return team.pool(rollout, response_len=settings.response_len, pad_id=policy.pad_id)


def next_kl_coef(method: Method, record: Record, settings: PPOSettings) -> float:
    """The KL coefficient of the next step: moved toward `kl_target`, or as it was."""
    if not settings.kl_target:
        return record["kl_coef"]
    target, horizon, batch_size = settings.kl_target, settings.kl_horizon, settings.batch_size
    return method.adaptive_kl_coef(
        record["kl_coef"], record["kl"], target=target, horizon=horizon, batch_size=batch_size
    )


def mean_record(updates: list[Record]) -> Record:
    """Average the metrics of the minibatches; of `ratio_max`, the largest."""
    mean = {name: sum(update[name] for update in updates) / len(updates) for name in updates[0]}
    return mean | {name: max(update[name] for update in updates) for name in mean.keys() & {"ratio_max"}}
