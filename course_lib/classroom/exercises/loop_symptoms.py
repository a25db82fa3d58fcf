"""The mistakes that people make in training loops, and how each shows in what a loop did; the first causes first."""

from itertools import pairwise

import torch

from course_lib.classroom.exercises.loop_trace import BATCH_SIZE, BATCHES, EPOCHS, EXAMPLES, LEARNING_RATE, START, Trace
from course_lib.classroom.exercises.loss_symptoms import LOSS_SYMPTOMS
from course_lib.classroom.exercises.symptom import Symptom, cut_off


def orders(trace: Trace) -> list[list[int]]:
    """The rows of each epoch, in the order in which they came."""
    rows = [row for update in trace.updates for row in update.rows]
    return [rows[start : start + EXAMPLES] for start in range(0, len(rows), EXAMPLES)]


def pile_up(trace: Trace) -> bool:
    """Whether `.grad` holds more after a backward than its own gradient."""
    return any(
        not torch.allclose(fresh, piled, atol=1e-6)
        for update in trace.updates
        for fresh, piled in zip(update.fresh, update.piled, strict=False)
    )


def come_apart(trace: Trace) -> bool:
    """Whether the two columns of a batch belong to different rows."""
    return any(
        a is not None and b is not None and a[1] != b[1]
        for update in trace.updates
        for a, b in zip(*update.places, strict=False)
    )


def sizes(trace: Trace) -> set[int]:
    """How many examples a batch has."""
    return {len(update.places[0]) for update in trace.updates}


def is_shuffled_anew(trace: Trace) -> bool:
    """Whether no epoch goes through the examples as the one before it did."""
    return all(one != after for one, after in pairwise(orders(trace)))


def columns_owned_by(trace: Trace) -> set[tuple[int | None, ...]]:
    """Which columns the loss was given as its first and its second."""
    return {tuple(place and place[0] for place in pair) for update in trace.updates for pair in zip(*update.places)}  # noqa: B905


def seen(trace: Trace) -> int:
    """How many examples came, those that came again included."""
    return sum(map(len, orders(trace)))


RETURN_INSIDE = "Is `return` inside the loop? It belongs below both, as far left as the first `for`."
SYMPTOMS = [
    Symptom(
        "the model that you are given is never called",
        "A new model, or a copy, learns for nobody: train `model` itself, in place.",
        lambda trace: not trace.calls,
    ),
    Symptom(
        "the model is called without gradients",
        "Under torch.no_grad() nothing can be learned: that is for measuring, not for the loss.",
        lambda trace: trace.calls == trace.calls_without_gradient,
        cut_off,
    ),
    Symptom(
        "the loss that you are given is never called",
        "Which loss it is, who calls your loop decides: loss(first, second).",
        lambda trace: not trace.updates,
    ),
    *LOSS_SYMPTOMS,
    Symptom(
        "backward() is missing",
        "The loss alone changes nothing: loss.backward() writes into each weight's .grad which way it falls.",
        lambda trace: not any(update.fresh for update in trace.updates),
    ),
    Symptom(
        "step() comes before backward()",
        "It goes where the last gradient led: optimizer.zero_grad(), loss.backward(), optimizer.step().",
        lambda trace: trace.stepped_first,
    ),
    Symptom(
        "zero_grad() stands between backward() and step()",
        "It wipes out what backward() has just written: clear before backward(), or after step().",
        lambda trace: (
            bool(trace.optimizers)
            and all(grad is None or not grad.any() for update in trace.updates for grad in update.used)
        ),
    ),
    Symptom(
        "step() is missing",
        "backward() says which way to go, and optimizer.step() goes: the weights are where they began.",
        lambda trace: torch.equal(trace.weights, START[0]),
    ),
    Symptom(
        "gradients pile up: zero_grad() is missing, or comes too seldom",
        "backward() adds to .grad; optimizer.zero_grad() clears it before each one.",
        pile_up,
    ),
    Symptom(
        "the optimizer is made anew on the way",
        "Adam remembers the gradients that it has seen: make it once, above both loops.",
        lambda trace: len(trace.optimizers) > 1,
    ),
    Symptom(
        "one batch comes for ever",
        "The loop never moves on through the examples: take other rows in each step.",
        lambda trace: (
            len(trace.updates) > 1
            and len({tuple(sorted(update.rows)) for update in trace.updates}) == 1
            and len(trace.updates[0].rows) < EXAMPLES
        ),
    ),
    Symptom(
        "batch_size is not used",
        f"Each step takes batch_size = {BATCH_SIZE} examples, the last of an epoch what is left.",
        lambda trace: max(sizes(trace)) != BATCH_SIZE,
    ),
    Symptom(
        f"it returned after 1 of {EPOCHS * BATCHES} steps",
        RETURN_INSIDE,
        lambda trace: len(trace.updates) == 1,
    ),
    Symptom(
        "the last, smaller batch of an epoch is left out",
        f"{EXAMPLES} examples make {BATCHES} batches of up to {BATCH_SIZE}: what remains is a batch too.",
        lambda trace: sizes(trace) == {BATCH_SIZE},
    ),
    Symptom(
        f"it returned after 1 of {EPOCHS} epochs",
        f"{RETURN_INSIDE} And `epochs` says how many there are.",
        lambda trace: seen(trace) <= EXAMPLES,
    ),
    Symptom(
        "epochs is not used",
        "Each epoch goes once through all examples, and there are `epochs` of them.",
        lambda trace: seen(trace) != EPOCHS * EXAMPLES,
    ),
    Symptom(
        "the two columns are shuffled apart",
        "A text keeps its partner, or its rating: take one list of rows for both.",
        come_apart,
    ),
    Symptom(
        "chosen and rejected are exchanged in the loss",
        "It takes the chosen rewards first; as it is, the model learns to like what people did not choose.",
        lambda trace: trace.cosine < 0 and (1, 0) in columns_owned_by(trace),
    ),
    Symptom(
        "the loss is climbed, not descended",
        "A loss is something to minimise: no minus before it, and no maximize=True.",
        lambda trace: trace.cosine < 0,
    ),
    Symptom(
        "the examples are never shuffled",
        "Take the rows of each epoch from torch.randperm(len(...), generator=generator).",
        lambda trace: orders(trace)[0] == list(range(EXAMPLES)) and not is_shuffled_anew(trace),
    ),
    Symptom(
        "the examples are shuffled once, not in each epoch",
        "The same neighbours meet in every epoch: draw a new order inside the loop over the epochs.",
        lambda trace: not is_shuffled_anew(trace),
    ),
    Symptom(
        "some examples come more often than others in an epoch",
        "Go through all of them before one comes again: torch.randperm(...).split(batch_size).",
        lambda trace: any(len(set(order)) < EXAMPLES for order in orders(trace)),
    ),
    Symptom(
        "learning_rate is not used",
        "Give it to the optimizer as lr.",
        lambda trace: bool(trace.rates) and abs(trace.rates[0] / LEARNING_RATE - 1) > 0.5,
    ),
]
