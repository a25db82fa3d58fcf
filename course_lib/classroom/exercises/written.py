"""Values as a student reads them: short lists, few digits, masks as 1 and 0; the same on every machine.

A single answer is True or False.
"""

from torch import Tensor

LONGEST = 200
ONE_LINE = 80


def written(value: object, *, digits: int = 4) -> str:
    """Write a number, a tensor or a tuple with so many significant digits, a text in quotes, all else by its kind."""
    text = str(value) if isinstance(value, bool) else _written(value, digits)
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."


def written_apart(expected: object, got: object) -> tuple[str, str]:
    """Write two values that differ with as few digits as show the difference."""
    for digits in (4, 7):
        texts = written(expected, digits=digits), written(got, digits=digits)
        if texts[0] != texts[1]:
            break
    return texts


def written_inputs(inputs: dict) -> str:
    """Write the inputs in one line, or one under the other where that is too long."""
    texts = [
        f"{name} = {f'{value:g}' if isinstance(value, float) else written(value)}" for name, value in inputs.items()
    ]
    line = ", ".join(texts)
    return line if len(line) <= ONE_LINE else f"\n{' ' * 12}".join(texts)


def kind(value: object) -> str:
    """Say what sort of thing a value is: `a float`, `a tensor of shape (2, 3)`, `a tuple of 2`."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    size = f" of {len(value)}" if isinstance(value, tuple | list) else ""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}{size}"


def _written(value: object, digits: int) -> str:
    if isinstance(value, Tensor):
        return _written(value.tolist(), digits)
    if isinstance(value, tuple | list):
        inside = ", ".join(_written(part, digits) for part in value)
        return f"({inside})" if isinstance(value, tuple) else f"[{inside}]"
    if value is None or isinstance(value, int):
        return str(int(value)) if isinstance(value, bool) else str(value)
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, float):
        # Rounding first takes away the 1e-9 that a machine may leave of 0; adding 0.0 takes the sign off -0.
        return f"{round(value, digits + 2) + 0.0:.{digits}g}"
    return kind(value)
