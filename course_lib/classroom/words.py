"""Numbers as a reader meets them in pictures, widgets and sentences."""

import math

import numpy as np


def number(value: float | int | np.number | None, form: str = "{:+z.2f}") -> str:
    """Write a number with a true minus sign, or say that there is none."""
    if value is None or math.isnan(value):
        return "not measured"
    return form.format(value).replace("-", "−")
