"""Random inputs for the checks: round numbers, near 0 and far from it, the smallest inputs first, always the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_lib.classroom.exercises.written import written_inputs

BATCHES, LENGTHS = range(1, 5), range(1, 10)
NEAR = 3


@dataclass(frozen=True)
class Draw:
    """One random input to be made, of `batch` rows and `length` columns.

    Its numbers are whole, or in parts of 1 / `steps`, near 0 or, if `far`, some of each row anywhere in their range.
    """

    batch: int
    length: int
    steps: int
    far: bool
    generator: torch.Generator

    def numbers(self, *shape: int, low: int = -50, high: int = 50) -> Float[Tensor, "*shape"]:
        """Draw round numbers from low to high, half of them or all within 3 of 0."""
        near = self._round(shape, max(low, -NEAR), min(high, NEAR))
        anywhere = self._round(shape, low, high)
        return torch.where(self._whole(shape, 0, int(self.far)) == 1, anywhere, near)

    def tokens(self, *, low: int = -50, high: int = 50) -> Float[Tensor, "batch length"]:
        """Draw one round number a token."""
        return self.numbers(self.batch, self.length, low=low, high=high)

    def logprobs(self) -> Float[Tensor, "batch length"]:
        """Draw one log-probability a token, from one chance in 10^13 to certainty."""
        return self.tokens(low=-30, high=0)

    def distinct(self, rows: int, columns: int) -> Float[Tensor, "rows columns"]:
        """Draw round numbers of which no two are equal, for whatever sorts them or divides by their spread."""
        furthest = 50 if self.far else 20
        order = torch.randperm(2 * furthest + 1, generator=self.generator)[: rows * columns]
        return (order - furthest).view(rows, columns) / (1 if self.far else self.steps)

    def probabilities(self) -> Float[Tensor, "batch length"]:
        """Draw rows of positive numbers that add up to 1."""
        weights = self._whole((self.batch, self.length), 1, 9).float()
        return weights / weights.sum(dim=1, keepdim=True)

    def mask(self) -> Bool[Tensor, "batch length"]:
        """Draw rows of real tokens of which half end early, after one or more, in padding."""
        lengths = self._whole((self.batch, 1), 1, 2 * self.length)
        return torch.arange(self.length) < lengths

    def ids(self, vocab: int) -> Tensor:
        """Draw one token of a vocabulary for each place."""
        return self._whole((self.batch, self.length), 0, vocab - 1)

    def each_of(self, choices: Sequence[float]) -> Float[Tensor, "batch length"]:
        """Draw one of the choices for each token."""
        return torch.tensor(choices)[self.ids(len(choices))]

    def one_of(self, *choices: float | int) -> float | int:
        """Draw one plain number."""
        return choices[int(self._whole((), 0, len(choices) - 1))]

    def _round(self, shape: tuple[int, ...], low: int, high: int) -> Float[Tensor, "*shape"]:
        return self._whole(shape, low * self.steps, high * self.steps) / self.steps

    def _whole(self, shape: tuple[int, ...], low: int, high: int) -> Tensor:
        return torch.randint(low, high + 1, shape, generator=self.generator)


@cache
def drawn(draw: Callable[[Draw], dict], *, seed: int = 0, each: int = 4) -> tuple[dict, ...]:
    """Draw so many inputs of each size, and order them from the smallest and roundest to the largest."""
    generator = torch.Generator().manual_seed(seed)
    kinds = [(1, False), (10, False), (1, True), (10, True)]
    inputs = [
        draw(Draw(batch, length, *kinds[i % len(kinds)], generator))
        for batch, length in product(BATCHES, LENGTHS)
        for i in range(each)
    ]
    return tuple(sorted(inputs, key=size))


def size(inputs: dict) -> tuple[int, int]:
    """Say how large an input is: how many numbers, then how long they are in writing."""
    numbers = sum(value.numel() if isinstance(value, Tensor) else 1 for value in inputs.values())
    return numbers, len(written_inputs(inputs))
