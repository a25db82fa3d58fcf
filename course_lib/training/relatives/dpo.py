"""Direct preference optimisation: pairs that the reference wrote, labelled once; nothing is sampled after that."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_lib.equations.logprobs import text_logprobs
from course_lib.equations.preferences import dpo_loss, pair_accuracy, preference_probability
from course_lib.training.record import Record
from course_lib.training.relatives.trainer import Rows, Trainer
from course_lib.training.rollout import Rollout, join_rollouts


@dataclass
class Pairs:
    """Responses with the reference's log-probability of each whole text, and which of two was chosen."""

    rollout: Rollout
    ref_logprobs: Float[Tensor, " responses"]
    chosen: Int[Tensor, " pairs"]
    rejected: Int[Tensor, " pairs"]


def dpo(trainer: Trainer) -> Iterator[Record]:
    """The policy is fitted to pairs, offline; KL is in the loss, as the scale of the reward that the policy implies.

    As many responses as PPO samples in all its steps, as many passes over them, minibatches of as many responses.
    Yields one record a step; it tells of the fit alone, since the policy writes nothing.

    Source: Rafailov et al. 2023 (arXiv:2305.18290).
    """
    settings, pairs = trainer.settings, sample_pairs(trainer)

    def loss(rows: Rows) -> tuple[Tensor, Record]:
        texts = torch.cat([pairs.chosen[rows], pairs.rejected[rows]])
        rollout, ref_logprobs = pairs.rollout.rows(texts), pairs.ref_logprobs[texts]
        logprobs = text_logprobs(trainer.forward(trainer.policy, rollout).logprobs, rollout.response_mask)
        accuracy = pair_accuracy(*(logprobs.detach() - ref_logprobs).chunk(2))
        pair_loss = dpo_loss(*logprobs.chunk(2), *ref_logprobs.chunk(2), kl_coef=settings.kl_coef)
        return pair_loss, {"pair_accuracy": accuracy.item()}

    for rows in trainer.shuffled(len(pairs.chosen)).chunk(settings.iterations):
        yield trainer.learn(rows.chunk(settings.epochs * settings.minibatches), loss)


def sample_pairs(trainer: Trainer) -> Pairs:
    """Let the reference write two responses to each prompt; the better wins as often as Bradley and Terry say."""
    rollouts, ref_logprobs, wins = [], [], []
    for _ in range(trainer.settings.iterations):
        rollout, scores = trainer.write(trainer.reference, trainer.draw_prompts(responses=2))
        with torch.no_grad():
            logprobs = trainer.forward(trainer.reference, rollout).logprobs
        first, second = trainer.penalised(scores, rollout).view(-1, 2).unbind(dim=1)
        chance = torch.rand(len(first), generator=trainer.generator, device=trainer.generator.device)
        rollouts.append(rollout)
        ref_logprobs.append(text_logprobs(logprobs, rollout.response_mask))
        wins.append(chance < preference_probability(first, second))
    first_wins = torch.cat(wins)
    first = 2 * torch.arange(len(first_wins), device=first_wins.device)
    chosen, rejected = torch.where(first_wins, first, first + 1), torch.where(first_wins, first + 1, first)
    return Pairs(join_rollouts(rollouts, pad_id=trainer.pad_id), torch.cat(ref_logprobs), chosen, rejected)
