"""The forms in which people keep prompts and preferences: texts, or conversations as lists of messages.

A row may have, as in TRL and on the hub, `prompt`, `chosen` and `rejected`; or `chosen` and `rejected` alone, which
then may begin alike, as in hh-rlhf; for a prompt a text is enough. Messages become text one below the other.
"""

from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from course_lib.training.files.errors import CourseError

SIDES = ("chosen", "rejected")
PROMPTS = ("prompt", "text", "question", "query", "instruction", "messages")
CONTENTS = ("content", "value")  # of a message
TURNS = ("\n\nAssistant:", "\n\nHuman:")  # how hh-rlhf writes who speaks

Placed = tuple[str, object]
"""Where a row stands, `line 3 of prompts.txt`, and the row."""


class TextPair(NamedTuple):
    """Two whole texts, the preferred one first, and the prompt that both begin with, which may be empty."""

    prompt: str
    chosen: str
    rejected: str


def prompts_of(rows: Iterable[Placed]) -> list[str]:
    """The prompt of each row: the text itself, a field of it, or what chosen and rejected begin with.

    Raises:
        CourseError: a row has none.
    """
    rows = list(rows)
    if rows and isinstance(rows[0][1], dict) and rows[0][1].keys() >= {*SIDES}:
        return [pair.prompt for pair in pairs_of(rows)]
    return [text_of(*prompt_in(row, place), is_prompt=True) for place, row in rows]


def prompt_in(row: object, place: str) -> tuple[object, str]:
    """What a row has for a prompt, and its place."""
    if not isinstance(row, dict):
        return row, f"a prompt in {place}"
    name = next((name for name in PROMPTS if name in row), None)
    if name is None:
        has = ", ".join(map(str, row)) or "none"
        raise CourseError(f"Expected a field named prompt in {place}, but its fields are {has}; name one of them so.")
    return row[name], f"{name} in {place}"


def pairs_of(rows: Iterable[Placed]) -> list[TextPair]:
    """The two texts of each row, each with its prompt in front, and the prompt.

    Where in all rows chosen and rejected begin with their prompt already, it is not put in front again.

    Raises:
        CourseError: a side of a row is missing, or is no text.
    """
    parts = [parts_of(row, place) for place, row in rows]
    if not all(chosen.startswith(prompt) and rejected.startswith(prompt) for prompt, chosen, rejected in parts):
        return [TextPair(prompt, prompt + chosen, prompt + rejected) for prompt, chosen, rejected in parts]
    return [TextPair(whole_prompt(*pair), pair.chosen, pair.rejected) for pair in parts]


def parts_of(row: object, place: str) -> TextPair:
    """The texts of a row as they stand there."""
    if not isinstance(row, dict) or not row.keys() >= {*SIDES}:
        has = ", ".join(map(str, row)) if isinstance(row, dict) else f"{row!r:.40}"
        raise CourseError(
            f"Expected the fields chosen and rejected in {place}, but it has {has}; name the preferred text chosen and "
            "the other one rejected, and what both answer prompt."
        )
    prompt = text_of(row.get("prompt"), f"prompt in {place}", is_prompt=True)
    return TextPair(prompt, *(text_of(row[name], f"{name} in {place}") for name in SIDES))


def text_of(value: object, place: str, *, is_prompt: bool = False) -> str:
    """A text as it is, or messages one below the other; a prompt of messages ends where the answer would begin.

    Raises:
        CourseError: it is neither.
    """
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
        raise CourseError(f"Expected a text or a list of messages as {place}, but it is {value!r:.60}; mend the row.")
    contents = [next((message[name] for name in CONTENTS if name in message), None) for message in value]
    odd = [message for message, content in zip(value, contents, strict=True) if not isinstance(content, str)]
    if odd:
        raise CourseError(
            f"Expected messages with a text as content for {place}, but one is {odd[0]!r:.60}; mend the row."
        )
    return "\n".join([*contents, ""] if is_prompt and contents else contents)


def whole_prompt(prompt: str, chosen: str, rejected: str) -> str:
    """What comes before the answers in two whole texts, the end of its line with it."""
    prompt = prompt or common_beginning(chosen, rejected)
    below = f"{prompt}\n"
    return below if prompt and chosen.startswith(below) and rejected.startswith(below) else prompt


def common_beginning(chosen: str, rejected: str) -> str:
    """What two conversations share, up to where a turn or a line begins; nothing where no line is the same."""
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False)))
    shared = chosen[:same]
    turn = max(shared.rfind(turn) + len(turn) if turn in shared else 0 for turn in TURNS)
    return shared[: turn or shared.rfind("\n") + 1]
