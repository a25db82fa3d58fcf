"""JSON as a test writes it, and as it reads what a file says: stricter than Python, and apart from the library."""

import json
import math

TEXTS = ["A fine film.", "Bad — “really” bad.", 'He said: "no".', "So\u2028dull\x85", "An [odd] {one}, 1e5"]


def of(record):
    return json.dumps(record, ensure_ascii=False)


def lines(records):
    return "".join(of(record) + "\n" for record in records).encode()


def is_number(value, low=-math.inf, high=math.inf):
    return type(value) in (int, float) and math.isfinite(value) and low <= value <= high


def is_text(value):
    return isinstance(value, str) and value.encode() is not None


def once(pairs):
    assert len(dict(pairs)) == len(pairs), "a field is there twice"
    return dict(pairs)


def held(digits):
    assert math.isfinite(float(digits)), f"{digits} was accepted"
    return float(digits)


def no_number(name):
    raise AssertionError(f"{name} was accepted")


def documents(path, constant=no_number):
    """What the lines of a file say."""
    content = path.read_text(encoding="utf-8").split("\n")
    return [
        json.loads(line, object_pairs_hook=once, parse_constant=constant, parse_float=held)
        for line in content
        if line.strip()
    ]


def check_measured(name, value):
    """Bounds written out, so that a mistake in those of the reader shows."""
    low = (
        0
        if name in ("eos_share", "distinct_2", "top_word_share", "clip_fraction", "pair_accuracy", "entropy")
        else -math.inf
    )
    high = (
        1
        if name in ("eos_share", "distinct_2", "top_word_share", "clip_fraction", "pair_accuracy", "judge")
        else math.inf
    )
    assert value is None or is_number(value, -1 if name == "judge" else low, high), (name, value)
