"""JSON taken at its word: what Python's own reader passes over in silence is refused."""

import json
import math

DEEPEST = 40  # levels; nothing that the course writes has more than five


def parse(text: str, *, nan_is_null: bool = False) -> object:
    """Read one JSON document.

    With `nan_is_null`, NaN and the infinities, which a run that diverged has written, are read as null: not measured.

    Raises:
        ValueError: it is not JSON, or it names a field twice, holds NaN, a fraction that no float can hold or half a
            character, or is nested too deep.
    """
    try:
        value = (NAN_IS_NULL if nan_is_null else STRICT).decode(text)
        if "\\u" in text or text.count("[") + text.count("{") > DEEPEST:
            _look_inside(value, DEEPEST)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _fields(pairs: list[tuple[str, object]]) -> dict:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r:.40} is there twice")
    return record


def _finite(digits: str) -> float:
    if not math.isfinite(float(digits)):
        raise ValueError(f"{digits:.40} is too large")
    return float(digits)


def _look_inside(value: object, levels: int) -> None:
    if not levels:
        raise ValueError("it is nested too deep")
    if isinstance(value, str):
        value.encode()  # fails for half of a surrogate pair, which could never be written again
    elif isinstance(value, list):
        for part in value:
            _look_inside(part, levels - 1)
    elif isinstance(value, dict):
        _look_inside([*value, *value.values()], levels)


STRICT, NAN_IS_NULL = (
    json.JSONDecoder(object_pairs_hook=_fields, parse_constant=constant, parse_float=_finite)
    for constant in (_refuse, lambda _: None)
)
