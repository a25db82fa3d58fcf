"""What a run measures: which values a metric can have, wherever it is read."""

import math
import sys

SHARE = (0.0, 1.0)
NOT_NEGATIVE = (0.0, math.inf)
BOUNDS = {
    "judge": (-1.0, 1.0),
    "pearson_r": (-1.0, 1.0),
    "explained_variance": (-math.inf, 1.0),
    "entropy": NOT_NEGATIVE,
    "response_length": NOT_NEGATIVE,
    "ratio_max": NOT_NEGATIVE,
    "grad_norm": NOT_NEGATIVE,
    "learning_rate": NOT_NEGATIVE,
    "seconds": NOT_NEGATIVE,
    "tokens": NOT_NEGATIVE,
    "peak_memory_gb": NOT_NEGATIVE,
} | dict.fromkeys(
    ("eos_share", "distinct_2", "top_word_share", "clip_fraction", "pair_accuracy", "pair_accuracy_clear_gap", "noise"),
    SHARE,
)
COUNTS = {"step", "steps", "degrades_at", "pairs", "n"}
TEXTS = ("prompt", "before", "after")


def is_measurement(name: str, value: object) -> bool:
    """Tell whether a value is one that the metric can have; True and False are no numbers."""
    low, high = _bounds(name)
    kinds = (int,) if name in COUNTS else (int, float)
    return type(value) in kinds and low <= value <= high and abs(value) <= sys.float_info.max


def wanted(name: str) -> str:
    """Say in words which values a metric can have."""
    low, high = _bounds(name)
    kind = "a whole number" if name in COUNTS else "a number"
    ends = [f"from {low:g}"] * (low > -math.inf) + [f"to {high:g}"] * (high < math.inf)
    return " ".join([kind, *ends])


def _bounds(name: str) -> tuple[float, float]:
    if name in COUNTS:
        return 1.0, math.inf
    return BOUNDS.get(name.removesuffix("_before").removesuffix("_after"), (-math.inf, math.inf))
