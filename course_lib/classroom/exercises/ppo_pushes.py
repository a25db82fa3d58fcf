"""Which way a loop pushed each token of its first batch, held against what PPO and its misreadings would do.

What PPO's loss sends back to a token's log-probability is -ratio * advantage / tokens, or 0 where it is clipped. How a
loop shifts and scales its advantages is its own business, so what is compared is their correlation.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_lib.classroom.exercises.ppo_trace import PAD, SETTINGS, Read, Table, Trace, read
from course_lib.equations.advantages import gae
from course_lib.training.rollout import Rollout, penalised

ALIKE = 0.9999
PerToken = Float[Tensor, "rows response_len"]
Paid = Callable[[Tensor, Bool[Tensor, "rows response_len"]], PerToken]  # each token's part of its text's score


def at(column: Callable[[Tensor], Tensor]) -> Paid:
    """The score at one token of each row, chosen by the row's length."""
    return lambda scores, mask: (torch.arange(mask.shape[1]) == column(mask.sum(dim=1))[:, None]) * scores[:, None]


LAST = at(lambda lengths: lengths - 1)
ELSEWHERE = (
    at(lambda lengths: 0 * lengths),
    at(lambda lengths: 0 * lengths + lengths.max() - 1),
    at(lambda lengths: lengths - 2),
    at(lambda lengths: (lengths - 2).clamp(min=0)),
    lambda scores, mask: scores[:, None] * mask,
)


@dataclass
class Push:
    """What one update sent back to the log-probabilities of its texts, and the batch that they are from."""

    trace: Trace
    noted: Read
    rows: Int[Tensor, " rows"]

    @property
    def rollout(self) -> Rollout:
        """The batch."""
        return self.trace.rollouts[0]

    @property
    def mask(self) -> Bool[Tensor, "rows response_len"]:
        """The real tokens of the update's texts."""
        return self.rollout.response_mask[self.rows]

    @property
    def up(self) -> PerToken:
        """How hard each token was pushed up, as wide as the batch."""
        return self.wide(-self.noted.to_logprobs)

    def wide(self, numbers: PerToken) -> PerToken:
        """Filled up with 0 where the update's texts were cut to the longest of them."""
        return torch.nn.functional.pad(numbers, (0, self.mask.shape[1] - numbers.shape[1]))

    def ratio(self, table: Table) -> PerToken:
        """The policy's probabilities at this update over those of a table."""
        new, old = (read(*each, self.rollout.token_ids, self.rollout.response_mask)[0] for each in (self.table, table))
        return (new - old).exp()[self.rows]

    @property
    def table(self) -> Table:
        """The policy at this update."""
        return self.noted.table

    def follows(self, worth: PerToken, ratio: PerToken | float = 1.0) -> bool:
        """Whether each token that was pushed was pushed by its worth times the ratio, but for shift and scale."""
        return self.likeness(worth, ratio) > ALIKE

    def likeness(self, worth: PerToken, ratio: PerToken | float = 1.0) -> float:
        """How well worth times ratio says how tokens were pushed: a correlation, 0 where nothing varies."""
        pushed = self.mask & (self.up != 0)
        one, other = ((numbers[pushed] - numbers[pushed].mean()).double() for numbers in (self.up / ratio, worth))
        return torch.cosine_similarity(one, other, dim=0).item() if len(one) > 2 else 0.0


def pushes(trace: Trace) -> list[Push]:
    """The updates on the first batch, but for those on other texts than its own."""
    texts = [words(row) for row in trace.rollouts[0].token_ids]
    found = []
    for noted in trace.learned:
        wanted = [words(row) for row in noted.token_ids]
        if noted.rollout == 0 and {*wanted} <= {*texts}:
            found.append(Push(trace, noted, torch.tensor([texts.index(text) for text in wanted])))
    return found


def words(row: Int[Tensor, " total_len"]) -> tuple[int, ...]:
    """A text without its padding."""
    return tuple(row[row != PAD].tolist())


def estimates(
    trace: Trace, paid: Paid = LAST, *, kl_sign: float = 1.0, penalty: float = SETTINGS.missing_eos_penalty
) -> Iterator[tuple[Float[Tensor, "batch response_len"], Float[Tensor, "batch response_len"]]]:
    """The advantages of the first batch as people estimate them, and the values that they are measured against.

    Lambda is as it is set, or 1; the values are the policy's, or 0 for who has none.
    """
    rollout = trace.rollouts[0]
    ids, mask, scores = rollout.token_ids, rollout.response_mask, trace.scores[0]
    (old, values), (ref, _) = (read(*table, ids, mask) for table in (trace.sampled[0][1], trace.begun[False]))
    scores = penalised(scores, rollout, penalty)
    rewards = paid(scores, mask) - kl_sign * SETTINGS.kl_coef * (old - ref)
    for lam, share in product((SETTINGS.lam, 1.0), (1.0, 0.0)):
        yield gae(rewards * mask, share * values, mask, lam=lam), share * values


def climbs(push: Push, paid: Paid = LAST, *, rest: float = 0.0, by: PerToken | float = 1.0, **how: float) -> bool:
    """Whether an update climbs by what `estimates` makes of such a payment; with a `rest` of 1 by returns."""
    each = estimates(push.trace, paid, **how)
    return any(push.follows((worth + rest * values)[push.rows], by) for worth, values in each)
