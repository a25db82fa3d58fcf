"""A small taste that a loop can learn in a second, and a record of all that it does on the way."""

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook

from course_lib.classroom.exercises.patience import Endless

WIDTH, EXAMPLES, BATCH_SIZE, EPOCHS, LEARNING_RATE = 4, 22, 4, 20, 0.05
BATCHES = -(-EXAMPLES // BATCH_SIZE)  # of an epoch, the last one smaller
TASTE = torch.tensor([1.0, -2.0, 0.5, 1.5])
START = torch.tensor([[0.3, 0.2, 0.1, 0.4]])
MOST_CALLS = 6 * EPOCHS * EXAMPLES  # two calls of the model an example are the most that anybody needs

Place = tuple[int, int]  # the column, first or second, and the row of an example


@dataclass
class Update:
    """One call of the loss, and what was done before the next one."""

    places: tuple[list[Place | None], ...]  # whose numbers the loss was given, column by column
    loss: float
    gradients: tuple[bool, ...]  # whether they can come through each column
    shapes: tuple[tuple[int, ...], ...]
    fresh: list[Tensor] = field(default_factory=list)  # the gradient of each backward
    piled: list[Tensor] = field(default_factory=list)  # what `.grad` held after it
    used: list[Tensor | None] = field(default_factory=list)  # what `.grad` held at each step

    @property
    def rows(self) -> list[int]:
        """The rows of the first column's numbers."""
        return [place[1] for place in self.places[0] if place]


@dataclass
class Trace:
    """One run of a loop."""

    rated: bool = False
    calls: int = 0
    calls_without_gradient: int = 0
    updates: list[Update] = field(default_factory=list)
    optimizers: list[object] = field(default_factory=list)  # each once
    rates: list[float] = field(default_factory=list)
    stepped_first: bool = False  # whether a step came before any backward
    owners: dict[float, Place] = field(default_factory=dict)  # whose each number is that the loss may be given
    weights: Tensor = field(default_factory=lambda: START[0])
    returned: object = None

    @property
    def cosine(self) -> float:
        """How well the weights point where the taste does, from -1 to 1."""
        return torch.cosine_similarity(self.weights, TASTE, dim=0).item()


class Taster(nn.Module):
    """A linear reward model that knows its examples, and notes which reward is whose."""

    def __init__(self, trace: Trace, owners: dict[tuple[float, ...], Place]):
        super().__init__()
        self.linear = nn.Linear(WIDTH, 1, bias=False)
        self.linear.load_state_dict({"weight": START})
        self.trace, self.owners = trace, owners

    def forward(self, features: Float[Tensor, "rows width"]) -> Float[Tensor, " rows"]:
        """One reward for each row; Endless once it is called too often."""
        self.trace.calls += 1
        self.trace.calls_without_gradient += not torch.is_grad_enabled()
        if self.trace.calls > MOST_CALLS:
            raise Endless
        rewards = self.linear(features)[:, 0]
        for row, reward in zip(features.tolist(), rewards.tolist(), strict=True):
            if tuple(row) in self.owners:
                self.trace.owners[reward] = self.owners[tuple(row)]
        return rewards


def examples(*, rated: bool, drawn: int = 0) -> tuple[Tensor, Tensor]:
    """Features and their ratings, or the features of chosen and of rejected texts, by one taste without noise.

    Another draw brings the same examples in another order, and is as hard to learn from.
    """
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, EXAMPLES, WIDTH, generator=generator)
    if drawn:
        order = torch.randperm(EXAMPLES, generator=generator.manual_seed(drawn))
        first, second = first[order], second[order]
    if rated:
        return first, first @ TASTE
    likes = (first @ TASTE > second @ TASTE)[:, None]
    return torch.where(likes, first, second), torch.where(likes, second, first)


def run(loop: Callable, loss: Callable[[Tensor, Tensor], Tensor], *, rated: bool, seed: int, drawn: int = 0) -> Trace:
    """Let a loop learn the taste, watched; what it raises passes through with the trace so far as its `trace`.

    `seed` is that of the generator which the loop is given, `drawn` that of the examples.
    """
    columns = examples(rated=rated, drawn=drawn)
    trace = Trace(rated=rated)
    rows = {tuple(row): (at, i) for at in range(2 - rated) for i, row in enumerate(columns[at].tolist())}
    if rated:
        trace.owners |= {rating: (1, i) for i, rating in enumerate(columns[1].tolist())}
    model = Taster(trace, rows)
    generator = torch.Generator().manual_seed(seed)
    with watched(model.linear.weight, trace), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"epochs": EPOCHS, "batch_size": BATCH_SIZE, "learning_rate": LEARNING_RATE, "generator": generator}
        try:
            trace.returned = loop(model, *columns, loss=noted(loss, trace), **options)
        except Exception as error:
            error.trace = trace
            raise
    return trace


def noted(loss: Callable[[Tensor, Tensor], Tensor], trace: Trace) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss whose calls begin the updates of the trace."""

    def called(first: Tensor, second: Tensor) -> Tensor:
        numbers = [column.detach().flatten().tolist() for column in (first, second)]
        places = tuple([trace.owners.get(number) for number in column] for column in numbers)
        gradients = first.requires_grad, second.requires_grad
        update = Update(places, math.nan, gradients, (tuple(first.shape), tuple(second.shape)))
        trace.updates.append(update)
        try:
            value = loss(first, second)
        except Exception as error:
            error.in_loss = True
            raise
        update.loss = value.item()
        return value

    return called


@contextmanager
def watched(weight: nn.Parameter, trace: Trace) -> Iterator[None]:
    """Note each backward and each step of an optimizer that reach the weight."""

    def before_step(optimizer: Optimizer, *_: object) -> None:
        if trace.updates and any(part is weight for group in optimizer.param_groups for part in group["params"]):
            trace.stepped_first |= not any(update.fresh for update in trace.updates)
            trace.updates[-1].used.append(None if weight.grad is None else weight.grad.clone())
            trace.rates.append(optimizer.param_groups[0]["lr"])
            if not any(known is optimizer for known in trace.optimizers):
                trace.optimizers.append(optimizer)

    def fresh(gradient: Tensor) -> None:
        if trace.updates:
            trace.updates[-1].fresh.append(gradient.clone())

    def piled(parameter: Tensor) -> None:
        if trace.updates:
            trace.updates[-1].piled.append(parameter.grad.clone())

    hooks = [weight.register_hook(fresh), weight.register_post_accumulate_grad_hook(piled)]
    hooks.append(register_optimizer_step_pre_hook(before_step))
    try:
        yield
    finally:
        trace.weights = weight.detach()[0].clone()
        for hook in hooks:
            hook.remove()
