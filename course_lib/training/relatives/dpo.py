"""Direct preference optimisation: pairs that the reference wrote, labelled once; nothing is sampled after that."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.equations.logprobs import text_logprobs
from course_lib.equations.preferences import pair_accuracy, preference_probability
from course_lib.training.files.errors import CourseError
from course_lib.training.finite import require_finite
from course_lib.training.method import Mask, Method, PerText, PerTextOrToken, PerToken
from course_lib.training.ppo import collect, mean_record
from course_lib.training.progress import Progress
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout, join_rollouts, penalised
from course_lib.training.settings import PPOSettings


@dataclass
class Pairs:
    """Responses with the reference's log-probability of each whole text, and which of two was chosen."""

    rollout: Rollout
    ref_logprobs: Float[Tensor, " responses"]
    chosen: Int[Tensor, " pairs"]
    rejected: Int[Tensor, " pairs"]


@dataclass
class DPO(Method):
    """The policy is fitted to pairs, offline; KL is in the loss, as the scale of the reward that the policy implies."""

    responses: ClassVar[int] = 2

    def advantages(
        self, rewards: PerToken, values: PerToken, scores: PerText, response_mask: Mask, *, settings: PPOSettings
    ) -> tuple[PerTextOrToken, PerTextOrToken]:
        """There are none: it has a loop of its own."""
        raise CourseError(
            "Expected a method that learns from its own texts, but DPO is fitted to pairs; call dpo(...)."
        )

    def loss_of_pairs(
        self, policy: nn.Module, pairs: Pairs, rows: Int[Tensor, " rows"], *, settings: PPOSettings
    ) -> tuple[Float[Tensor, ""], Record]:
        """The loss of some of the pairs, and how often the policy implies more reward for what was chosen.

        The log-ratios are the mean nats by which the policy's log-probability of a text lies above the reference's.
        """
        texts = torch.cat([pairs.chosen[rows], pairs.rejected[rows]])
        rollout, ref_logprobs = pairs.rollout.rows(texts), pairs.ref_logprobs[texts]
        new = self.read(policy, rollout, temperature=settings.temperature)
        logprobs = text_logprobs(new.logprobs, rollout.response_mask)
        chosen, rejected = (logprobs.detach() - ref_logprobs).chunk(2)
        loss = self.dpo_loss(*logprobs.chunk(2), *ref_logprobs.chunk(2), kl_coef=settings.kl_coef)
        log_ratios = {"chosen_log_ratio": chosen.mean().item(), "rejected_log_ratio": rejected.mean().item()}
        return loss, {"loss": loss.item(), "pair_accuracy": pair_accuracy(chosen, rejected).item()} | log_ratios


def dpo(
    policy: nn.Module,
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Tensor],
    *,
    settings: PPOSettings,
    method: DPO | None = None,
    progress: Progress | None = None,
) -> Iterator[Record]:
    """Fit `policy` to pairs that the reference wrote; yields one record a step, which tells of the fit alone.

    As many responses as PPO samples in all its steps, as many passes over them, minibatches of as many responses.

    Raises:
        NotFiniteError: as `train`.

    Source: Rafailov et al. 2023 (arXiv:2305.18290).
    """
    method, progress = method or DPO(), progress or Progress.start(policy, settings)
    pairs = sample_pairs(reference, prompts, score, settings=settings, method=method, progress=progress)
    tokens, generator = int(pairs.rollout.response_mask.sum()), progress.generator
    order = [
        torch.randperm(len(pairs.chosen), generator=generator, device=generator.device) for _ in range(settings.epochs)
    ]
    for step in progress.team.from_first(torch.cat(order)).chunk(settings.iterations):
        progress.begin_step(settings)
        updates = []
        for rows in step.chunk(settings.epochs * settings.minibatches):
            loss, update = method.loss_of_pairs(policy, pairs, rows, settings=settings)
            require_finite(progress.step, "the loss", loss)
            (loss / progress.team.size).backward()  # every process does the whole
            update["grad_norm"] = progress.clip_gradients(policy, settings)
            progress.optimizer.step()
            progress.optimizer.zero_grad()
            updates.append(update)
        yield progress.record() | mean_record(updates) | {"tokens": tokens}


def sample_pairs(
    reference: nn.Module,
    prompts: Int[Tensor, "prompts prompt_len"],
    score: Callable[[Rollout], Tensor],
    *,
    settings: PPOSettings,
    method: DPO,
    progress: Progress,
) -> Pairs:
    """Let the reference write two responses to each prompt; the better wins as often as Bradley and Terry say."""
    rollouts, ref_logprobs, wins, generator = [], [], [], progress.generator
    for _ in range(settings.iterations):
        rollout = collect(reference, prompts, responses=method.responses, settings=settings, progress=progress)
        scores = score(rollout)
        require_finite(progress.step + 1, "scores", scores)
        with torch.no_grad():
            logprobs = method.read(reference, rollout, temperature=settings.temperature).logprobs
        first, second = penalised(scores, rollout, settings.missing_eos_penalty).view(-1, 2).unbind(dim=1)
        chance = torch.rand(len(first), generator=generator, device=generator.device)
        rollouts.append(rollout)
        ref_logprobs.append(text_logprobs(logprobs, rollout.response_mask))
        wins.append(progress.team.from_first(chance) < preference_probability(first, second))
    first_wins = torch.cat(wins)
    first = 2 * torch.arange(len(first_wins), device=first_wins.device)
    chosen, rejected = torch.where(first_wins, first, first + 1), torch.where(first_wins, first + 1, first)
    return Pairs(join_rollouts(rollouts, pad_id=reference.pad_id), torch.cat(ref_logprobs), chosen, rejected)
