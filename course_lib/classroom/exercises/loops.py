"""The check of training loops: a loop learns a small taste, and what it did on the way names its mistake."""

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.classroom.exercises.loop_symptoms import SYMPTOMS, orders
from course_lib.classroom.exercises.loop_trace import BATCH_SIZE, EPOCHS, EXAMPLES, Trace, run
from course_lib.classroom.exercises.patience import Endless
from course_lib.classroom.exercises.refusals import stopped
from course_lib.classroom.exercises.symptom import first_shown
from course_lib.classroom.exercises.written import kind
from course_lib.equations.preferences import bradley_terry_loss

LEARNED = 0.9  # the cosine with the taste; right loops reach .98 and more
INPUT = f"{EXAMPLES} examples with 4 features, epochs = {EPOCHS}, batch_size = {BATCH_SIZE}"


@dataclass(frozen=True)
class Loop:
    """A training loop to write: ours, the loss that comes with it, and whether it learns from ratings or from pairs."""

    reference: Callable
    loss: Callable[[Tensor, Tensor], Tensor]
    rated: bool
    success: str


def train_on_ratings(
    model: nn.Module,
    features: Float[Tensor, "texts width"],
    ratings: Float[Tensor, " texts"],
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
) -> list[float]:
    """Train a model on ratings, in place, and give the loss of each step; every epoch is shuffled anew."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(features), generator=generator).split(batch_size):
            loss_of_rows = loss(model(features[rows]), ratings[rows])
            optimizer.zero_grad()
            loss_of_rows.backward()
            optimizer.step()
            losses.append(loss_of_rows.item())
    return losses


def train_reward_model(
    model: nn.Module,
    chosen: Float[Tensor, "pairs width"],
    rejected: Float[Tensor, "pairs width"],
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
) -> list[float]:
    """The same on choices: two forward passes, and a loss of both."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(epochs):
        for rows in torch.randperm(len(chosen), generator=generator).split(batch_size):
            loss_of_rows = loss(model(chosen[rows]), model(rejected[rows]))
            optimizer.zero_grad()
            loss_of_rows.backward()
            optimizer.step()
            losses.append(loss_of_rows.item())
    return losses


def loop_verdict(exercise: Loop, function: Callable, *, run: Callable[..., Trace] = run) -> str:
    """Say whether a student's loop learns as ours does, or which mistake it makes; `run` lets it learn, watched."""
    try:
        trace = run(function, exercise.loss, rated=exercise.rated, seed=0)
        again, other = (run(function, exercise.loss, rated=exercise.rated, seed=seed) for seed in (0, 1))
    except Endless as error:
        return refused(
            "the loop does not end", "It was stopped: what its condition asks must come to change.", error.trace
        )
    except Exception as error:
        if named := first_shown(SYMPTOMS, error.trace, error):
            return refused(named.name, named.hint, error.trace)
        return stopped(function, error, {}).replace("  input:    ", f"  input:    {INPUT}")
    if named := first_shown(SYMPTOMS, trace):
        return refused(named.name, named.hint, trace)
    if orders(trace) != orders(again) or orders(trace) == orders(other):
        return refused("the generator is not used", "Who gives the same seed wants the same order: pass it on.", trace)
    if trace.cosine < LEARNED:
        return refused("the model has not learned", "Every part is there; look at how far each step goes.", trace)
    return returns(trace) or f"Passed: {exercise.success}"


def returns(trace: Trace) -> str | None:
    """Say what is wrong with what the loop returned; None where it is one plain loss a step."""
    losses, steps = trace.returned, len(trace.updates)
    if losses is None:
        return refused("your loop returns None", "Is the `return` missing?", trace)
    if not isinstance(losses, list) or len(losses) != steps:
        came = f"{kind(losses)} came"
        return refused("the losses are not one a step", f"A list of {steps} numbers is expected, and {came}.", trace)
    if any(isinstance(loss, Tensor) for loss in losses):
        return refused("the losses are tensors", "Each keeps the memory of its whole batch: append loss.item().", trace)
    if any(map(callable, losses)):
        return refused("the losses are functions", "loss.item is one: write loss.item(), with its brackets.", trace)
    if not all(isinstance(loss, Real) for loss in losses):
        return refused("the losses are no numbers", f"Append loss.item(); {kind(losses[0])} came.", trace)
    right = torch.tensor([update.loss for update in trace.updates])
    if not torch.allclose(torch.tensor(losses, dtype=right.dtype), right, atol=1e-5):
        return refused("the numbers returned are not the losses", "Append the loss of each batch as it is.", trace)
    return None


def refused(name: str, hint: str, trace: Trace) -> str:
    """A mistake, and what the loop came to: how often it called the model, and how well that has learned."""
    came = f"{trace.calls} calls of the model, {len(trace.updates)} of the loss"
    return (
        f"Not yet: {name}. {hint}\n  input:    {INPUT}\n  got:      {came}, cosine with the taste {trace.cosine:z.2f}"
    )


TRAIN_ON_RATINGS = Loop(
    train_on_ratings, F.mse_loss, rated=True, success="every rating is read once an epoch, and the taste is learned."
)
TRAIN_REWARD_MODEL = Loop(
    train_reward_model,
    bradley_terry_loss,
    rated=False,
    success="from choices alone, without one number, the loop has learned whose taste they follow.",
)
LOOPS = {"train_on_ratings": TRAIN_ON_RATINGS, "train_reward_model": TRAIN_REWARD_MODEL}
