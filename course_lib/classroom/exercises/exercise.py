"""What an exercise is: our function, inputs to try, and the wrong versions that students really write."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_lib.classroom.exercises.draws import Draw

DTYPES = {
    "response_mask": torch.bool,
    "mask": torch.bool,
    "token_ids": torch.long,
    "response_ids": torch.long,
    "passed": torch.long,
}


@dataclass(frozen=True)
class Mistake:
    """A wrong version: what is wrong in it, a hint that leads out, and the function as a student writes it.

    `also` holds other functions with the same mistake, which give other numbers.
    """

    name: str
    hint: str
    function: Callable
    also: tuple[Callable, ...] = ()


@dataclass(frozen=True)
class Exercise:
    """A function to write: ours, inputs to try (smallest first), wrong versions, and what a right one does.

    `draw` makes a random input of a given size. `gradient_of` names the inputs whose gradients must be right too.
    """

    reference: Callable
    success: str
    probes: list[dict]
    draw: Callable[[Draw], dict]
    mistakes: list[Mistake]
    gradient_of: tuple[str, ...] = ()


def probe(**inputs) -> dict:
    """Make the tensors of one probe from nested lists; a plain number stays one."""
    return {
        name: torch.tensor(value, dtype=DTYPES.get(name, torch.float32)) if isinstance(value, list) else value
        for name, value in inputs.items()
    }
