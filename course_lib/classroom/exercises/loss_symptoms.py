"""The mistakes that show in what a training loop gives to its loss: no gradients, or columns that do not fit."""

from functools import partial

from course_lib.classroom.exercises.loop_trace import BATCH_SIZE, EXAMPLES, Trace
from course_lib.classroom.exercises.symptom import Symptom, cut_off


def in_the_loss(error: Exception) -> bool:
    """Whether an error was raised by the loss that the loop is given."""
    return getattr(error, "in_loss", False)


def whole(trace: Trace, *, rated: bool, column: int) -> bool:
    """Whether all examples came as this column, and a batch as the other."""
    shapes = [(BATCH_SIZE,), (BATCH_SIZE,)]
    shapes[column] = (EXAMPLES,)
    return trace.rated is rated and any(update.shapes == tuple(shapes) for update in trace.updates)


def cut(trace: Trace, *, column: int) -> bool:
    """Whether gradients never come through this column, while they come through the other."""
    found = {update.gradients for update in trace.updates if any(update.gradients)}
    return not trace.rated and found == {tuple(at != column for at in range(2))}


FORGOTTEN = [
    Symptom(
        f"{BATCH_SIZE} {few} came with {EXAMPLES} {many}",
        f"The loss compares row by row: take the same rows of both, {name}[rows].",
        partial(whole, rated=rated, column=column),
        in_the_loss,
    )
    for rated, column, few, many, name in (
        (True, 1, "scores", "ratings", "ratings"),
        (True, 0, "ratings", "scores", "features"),
        (False, 1, "chosen rewards", "rejected ones", "rejected"),
        (False, 0, "rejected rewards", "chosen ones", "chosen"),
    )
]
CUT = [
    Symptom(
        f"no gradient comes through the {name} rewards",
        "Half of what the pair says is lost: leave out .detach(), .item() and torch.no_grad() there.",
        partial(cut, column=column),
    )
    for column, name in enumerate(("chosen", "rejected"))
]
LOSS_SYMPTOMS = [
    Symptom(
        "the gradient is lost before the loss",
        ".detach(), .item(), .tolist() and torch.tensor(...) cut it off: give the loss what the model returns.",
        lambda trace: not any(any(update.gradients) for update in trace.updates),
        cut_off,
    ),
    *CUT,
    Symptom(
        "the loss is given one number for the whole batch",
        "It wants one a row, and takes the mean itself: leave out .mean() and .sum() before it.",
        lambda trace: any(() in update.shapes for update in trace.updates),
        in_the_loss,
    ),
    *FORGOTTEN,
    Symptom(
        "a column of the loss has another shape than the other",
        "Both must be (batch,): torch stretches (4,) and (4, 1) to fit, and every text meets every other.",
        lambda trace: any(len(set(update.shapes)) > 1 for update in trace.updates),
        in_the_loss,
    ),
]
