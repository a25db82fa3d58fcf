"""How a mistake in a loop is recognised: by what the loop did, or by the error that it ended in."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple


def nothing(error: Exception) -> bool:
    """An error is shown as it is, unless a mistake certainly explains it."""
    return False


def cut_off(error: Exception) -> bool:
    """Whether backward() found no path."""
    return "does not require grad" in str(error)


class Symptom(NamedTuple):
    """A mistake, the hint that leads out, how it shows in what a loop did, and which errors it certainly explains."""

    name: str
    hint: str
    shows: Callable[..., bool]
    explains: Callable[[Exception], bool] = nothing


def first_shown(symptoms: Sequence[Symptom], trace: object, error: Exception | None = None) -> Symptom | None:
    """The first mistake that a run shows; of one that stopped with an error, the first that explains it."""
    for each in symptoms:
        with suppress(IndexError, ValueError):
            if (error is None or each.explains(error)) and each.shows(trace):
                return each
    return None
