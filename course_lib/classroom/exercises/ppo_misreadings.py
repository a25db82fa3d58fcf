"""What a loop did: how it pushed the tokens of its first batch, what it drew their values to, what it read of it."""

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.exercises.ppo_pushes import (
    ALIKE,
    LAST,
    Paid,
    PerToken,
    Push,
    climbs,
    estimates,
    pushes,
    words,
)
from course_lib.classroom.exercises.ppo_trace import EOS, PROMPTS, SETTINGS, Read, Trace
from course_lib.equations.advantages import whiten


def right_at_first(trace: Trace) -> bool:
    """Whether the first update, where all ratios are 1, is as it should be."""
    return climbs(pushes(trace)[0])


def climbed(trace: Trace) -> bool:
    """Whether the first update goes down where it should go up; a correlation turned round."""
    push = pushes(trace)[0]
    return any(push.likeness(worth[push.rows]) < -ALIKE for worth, _ in estimates(trace))


def first(trace: Trace, *ways: Paid, **how: float) -> bool:
    """Whether the first update climbs so (see `climbs`), and not as it should."""
    if right_at_first(trace):
        return False
    return any(climbs(pushes(trace)[0], paid, **how) for paid in ways or (LAST,))


def by_the_reference(trace: Trace) -> bool:
    """Whether the first update holds the policy against the reference, not against itself."""
    push = pushes(trace)[0]
    return not right_at_first(trace) and climbs(push, by=push.ratio(trace.begun[False]))


def by_a_later_policy(trace: Trace) -> bool:
    """Whether the last update holds the policy against one that has learned from this batch already."""
    *before, push = pushes(trace)
    begun = push.ratio(trace.sampled[0][1])
    later = [push.ratio(each.noted.table) for each in (*before[1:], push)]
    for worth, _ in estimates(trace):
        own, other = (max(push.likeness(worth[push.rows], by) for by in ratios) for ratios in ([begun], later))
        if other > ALIKE and 1 - other < 0.1 * (1 - own):
            return True
    return False


def past_the_clip(trace: Trace) -> bool:
    """Whether the last update pushes a token on that has gone far enough."""
    push = pushes(trace)[-1]
    far, ratio = 1.5 * SETTINGS.clip_eps, push.ratio(trace.sampled[0][1])
    on = ((ratio > 1 + far) & (push.up > 0)) | ((ratio < 1 - far) & (push.up < 0))
    return bool((on & push.mask).any()) and climbs(push, by=ratio)


def padding_counts(trace: Trace) -> bool:
    """Whether the first update pushes padding, divides by it, or whitens with it."""
    push = pushes(trace)[0]
    if push.up[~push.mask].any():
        return True
    for worth, _ in estimates(trace):
        mine = worth[push.rows]
        if push.follows(mine):
            slope, shift = line(mine[push.mask], push.up[push.mask])
            return divides_by_padding(slope, worth, push) or shifts_by_padding(shift, worth, push)
    return False


def line(x: Float[Tensor, " tokens"], y: Float[Tensor, " tokens"]) -> tuple[float, float]:
    """Slope and shift of y = slope * (x - shift)."""
    x, y = x.double(), y.double()
    slope = ((x - x.mean()) * y).sum() / ((x - x.mean()) ** 2).sum()
    return slope.item(), (x.mean() - y.mean() / slope).item()


def divides_by_padding(slope: float, worth: PerToken, push: Push) -> bool:
    """Whether the mean that is climbed is one over all places."""
    real = worth[push.rollout.response_mask], worth[push.rows][push.mask]
    return any(
        abs(slope * spread * push.mask.numel() - 1) < 1e-3
        for spread in (1.0, *(part.std(correction=by).item() for part in real for by in (0, 1)))
    )


def shifts_by_padding(shift: float, worth: PerToken, push: Push) -> bool:
    """Whether the mean that was taken from the advantages is one over all places."""
    return any(abs(shift - part.mean().item()) < 1e-4 for part in (worth, worth[push.rows]))


def values_learn(trace: Trace, *, whitened: bool, returns: bool) -> bool:
    """Whether the first update draws the values to advantages, whitened or not, or to returns made of them."""
    push, mask = pushes(trace)[0], trace.rollouts[0].response_mask
    if push.noted.to_values is None:
        return False
    drawn = -push.wide(push.noted.to_values)[push.mask].double()

    def near(aim: PerToken) -> bool:
        return torch.cosine_similarity(drawn, aim[push.rows][push.mask].double(), dim=0).item() > ALIKE

    begun = next(values for _, values in estimates(trace))
    right = [worth + values - begun for worth, values in estimates(trace)]
    wrong = [
        (whiten(worth, mask) if whitened else worth) + returns * values - begun for worth, values in estimates(trace)
    ]
    return any(map(near, wrong)) and not any(map(near, right))


def in_first_batch(trace: Trace) -> list[Read]:
    """The policy's reads that were learned from, of the first batch."""
    return [read for read in trace.learned if read.rollout == 0]


def texts_read(trace: Trace) -> list[tuple[int, ...]]:
    """The texts of these reads, in their order."""
    return [words(row) for read in in_first_batch(trace) for row in read.token_ids]


def batch(trace: Trace) -> list[tuple[int, ...]]:
    """The texts of the first batch, in their order."""
    return [words(row) for row in trace.rollouts[0].token_ids]


def reads_the_prompt(trace: Trace) -> bool:
    """Whether a mask is wider than the response."""
    return any(read.response_mask.shape[1] > read.token_ids.shape[1] - PROMPTS.shape[1] for read in trace.reads)


def reads_padding(trace: Trace) -> bool:
    """Whether a mask calls something real that stands behind the end of a text."""

    def behind(read: Read) -> Tensor:
        ends = (read.token_ids[:, -read.response_mask.shape[1] :] == EOS).long()
        return (ends.cumsum(dim=1) - ends > 0) & read.response_mask

    return any(behind(read).any() for read in trace.reads)


def goes_through_the_batch(trace: Trace) -> bool:
    """Whether one backward came to two reads of the same texts."""
    return any(
        one is not other
        and one.backward == other.backward
        and {*map(words, one.token_ids)} & {*map(words, other.token_ids)}
        for one in trace.learned
        for other in trace.learned
    )


def first_prompts(trace: Trace) -> bool:
    """Whether prompts were taken in their order, and none was drawn."""
    chosen = trace.rollouts[0].prompt_ids
    return torch.equal(chosen, PROMPTS[: len(chosen)])


def stopped_in_a_minibatch(trace: Trace) -> bool:
    """Whether a minibatch was read at last, and never learned from, in a loop that did not come to its end."""
    last = trace.reads[-1]
    return trace.returned is None and last.backward < 0 and len(last.token_ids) < SETTINGS.batch_size


def rates(trace: Trace) -> list[list[float]]:
    """The learning rates of each batch's steps."""
    return [[step.rate for step in trace.steps if step.rollout == at] for at in range(len(trace.rollouts))]


def moved(trace: Trace, part: str) -> bool:
    """Whether the policy's logits or values are others than at the start."""
    begun = trace.begun[True][("logits", "values").index(part)]
    return not torch.equal(getattr(trace.policy, part), begun)


def values_are_used(trace: Trace) -> bool:
    """Whether the first update climbs by advantages over the policy's values."""
    worths = [worth for worth, values in estimates(trace) if values.any()]
    return any(pushes(trace)[0].follows(worth[pushes(trace)[0].rows]) for worth in worths)
