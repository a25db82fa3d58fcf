"""REINFORCE, RLOO and GRPO: one batch of the policy's own texts after the other, no value function, no GAE.

They differ in what a text is compared with, and in where KL enters.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.equations.masking import masked_mean
from course_lib.equations.policy_gradient import (
    grpo_advantages,
    grpo_loss,
    reinforce_advantages,
    reinforce_loss,
    rloo_advantages,
)
from course_lib.equations.ppo import approx_kl, clip_fraction, probability_ratio
from course_lib.training.record import Record
from course_lib.training.relatives.trainer import Batch, Rows, Trainer

RESPONSES = 4  # to each prompt


def reinforce(trainer: Trainer) -> Iterator[Record]:
    """A text is compared with the rest of the batch; KL is charged in its return. One step a batch.

    Yields one record of named metrics a step, as `ppo` does; the weights of `trainer.policy` change in place.

    Source: Williams 1992 (Machine Learning 8, 229).
    """
    for batch in trainer.batches():
        returns = batch.returns(kl_coef=trainer.settings.kl_coef)
        advantages = reinforce_advantages(returns)
        yield batch.described | climb_once(trainer, batch, advantages)


def rloo(trainer: Trainer, *, responses: int = RESPONSES) -> Iterator[Record]:
    """A text is compared with the others to its prompt; KL is charged in its return. One step a batch.

    Yields as `reinforce`.

    Source: Ahmadian et al. 2024 (arXiv:2402.14740).
    """
    for batch in trainer.batches(responses=responses):
        returns = batch.returns(kl_coef=trainer.settings.kl_coef)
        advantages = rloo_advantages(returns.view(-1, responses)).flatten()
        yield batch.described | climb_once(trainer, batch, advantages)


def grpo(trainer: Trainer, *, responses: int = RESPONSES) -> Iterator[Record]:
    """A text's score is whitened among those to its prompt; KL is charged in the loss. PPO's clipped passes.

    Yields as `reinforce`.

    Source: Shao et al. 2024 (arXiv:2402.03300), algorithm 1.
    """
    for batch in trainer.batches(responses=responses):
        advantages = grpo_advantages(batch.scores.view(-1, responses)).flatten()
        yield batch.described | climb_clipped(trainer, batch, advantages)


def climb_once(trainer: Trainer, batch: Batch, advantages: Float[Tensor, " batch"]) -> Record:
    """Take one step on the whole batch, along the policy gradient; a second would need the ratio to its sampler."""

    def loss(rows: Rows) -> tuple[Tensor, Record]:
        rollout = batch.rollout.rows(rows)
        new, mask = trainer.forward(trainer.policy, rollout), rollout.response_mask
        return reinforce_loss(new.logprobs, advantages[rows], mask), {"entropy": masked_mean(new.entropy, mask).item()}

    return trainer.learn([torch.arange(len(advantages), device=advantages.device)], loss)


def climb_clipped(trainer: Trainer, batch: Batch, advantages: Float[Tensor, " batch"]) -> Record:
    """Pass over the batch several times in shuffled minibatches, as PPO does, with one advantage for a whole text."""
    settings = trainer.settings
    clip_eps, kl_coef = settings.clip_eps, settings.kl_coef

    def loss(rows: Rows) -> tuple[Tensor, Record]:
        rollout, old, ref = batch.rollout.rows(rows), batch.old_logprobs[rows], batch.ref_logprobs[rows]
        new, mask = trainer.forward(trainer.policy, rollout), rollout.response_mask
        ratio = probability_ratio(new.logprobs.detach(), old)
        token_advantages = advantages[rows].unsqueeze(1).expand_as(ratio)
        record = {
            "entropy": masked_mean(new.entropy, mask).item(),
            "approx_kl": approx_kl(new.logprobs.detach(), old, mask).item(),
            "clip_fraction": clip_fraction(ratio, token_advantages, mask, clip_eps=clip_eps).item(),
        }
        return grpo_loss(new.logprobs, old, ref, advantages[rows], mask, clip_eps=clip_eps, kl_coef=kl_coef), record

    minibatches = trainer.shuffled(len(advantages)).chunk(settings.epochs * settings.minibatches)
    return trainer.learn(minibatches, loss)
