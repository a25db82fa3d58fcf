"""Which errors of a PPO loop a mistake certainly explains."""

import re

from course_lib.classroom.exercises.ppo_trace import SETTINGS


def used_up(error: Exception) -> bool:
    """Whether backward() came to the same computation again, or to one whose numbers have changed since."""
    return any(words in str(error) for words in ("a second time", "modified by an inplace operation"))


def out_of_bounds(error: Exception) -> bool:
    """Whether a row was asked for that is not there."""
    return isinstance(error, IndexError) and "out of bounds" in str(error)


def sizes_differ(error: Exception) -> bool:
    """Whether tensors did not fit together."""
    return any(words in str(error) for words in ("must match", "expected a bool mask", "mask [", "Type-check error"))


def rows_forgotten(error: Exception) -> bool:
    """Whether what is known of the whole batch met one minibatch."""
    batch, rows = SETTINGS.batch_size, SETTINGS.batch_size // SETTINGS.minibatches
    return sizes_differ(error) and {batch, rows} <= {int(number) for number in re.findall(r"\b\d+\b", str(error))}
