"""Ways to damage a file, drawn from a seed, so that each can be made again; and what a reader may say of them."""

import json
import random
import re

from course_lib.training.files.errors import CourseError

ODD = [
    None,
    True,
    False,
    -0.0,
    0,
    1,
    -1,
    5,
    1.5,
    -1e300,
    10**400,
    "",
    "1",
    "NaN",
    [],
    [1],
    {},
    {"a": 1},
    "\u2028",
    "\x00",
]
LITERALS = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "-0",
    "1" * 5000,
    '"\\ud800"',
    "[" * 3000 + "]" * 3000,
    "tru",
    "01",
    "1.",
]
REMEDY = r"(?s)[;,] (mend|move|make|run|restore|rebuild|check|use|name|choose|give|save|if)\b.*\.$"
PLACEHOLDER = "the damaged value"
WHOLE_FILES = [
    b"",
    b"\n",
    b" ",
    b"\xff\xfe",
    b"\x00" * 64,
    b"null",
    b"[]",
    b"{}",
    b"[" * 10**5,
    b"<html>",
    b"\xef\xbb\xbf",
]


def damage_bytes(content: bytes, chance: random.Random) -> bytes:
    """Cut, flip, insert or repeat bytes, or put something else in the file's place."""
    at = chance.randrange(len(content) + 1)
    to = chance.randrange(at, len(content) + 1)
    short = at + chance.randrange(9)
    return chance.choice(
        [
            content[:at],
            content[at:],
            content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :],
            content[:at] + bytes(byte ^ 1 << chance.randrange(8) for byte in content[at:short]) + content[short:],
            content[:at] + chance.randbytes(3) + content[at:],
            content[:at] + content[short:],
            content[:to] + content[at:],
            b"\xef\xbb\xbf" + content,
            content.replace(b"\n", b"\r\n"),
            content.rstrip(b"\n"),
            content + b"\n",
            chance.choice(WHOLE_FILES),
        ]
    )


def damage_lines(content: bytes, chance: random.Random) -> bytes:
    """Delete, repeat or exchange lines, or cut one short."""
    lines = content.split(b"\n")[:-1]
    i, j = chance.randrange(len(lines)), chance.randrange(len(lines))
    swapped = {i: lines[j], j: lines[i]}
    lines = chance.choice(
        [
            lines[:i] + lines[i + 1 :],
            [*lines[: i + 1], *lines[i:]],
            [swapped.get(k, line) for k, line in enumerate(lines)],
            [*lines[:i], lines[i][: chance.randrange(len(lines[i]) + 1)], *lines[i + 1 :]],
            [*lines[:i], b"", *lines[i:]],
        ]
    )
    return b"".join(line + b"\n" for line in lines)


def damage_json(text: str, chance: random.Random) -> str:
    """Put a value of another kind in the place of one, drop, add, double or rename a field."""
    document = json.loads(text)
    box = {"": document}
    holder, key = chance.choice(list(_places(box)))
    kind = chance.randrange(6)
    if kind == 0 and isinstance(holder, dict):
        del holder[key]
    elif kind == 1 and isinstance(holder, dict):
        holder[chance.choice(["extra", "", "step", "id", key + "x"])] = chance.choice(ODD)
    elif kind == 2 and isinstance(holder[key], float | int):
        holder[key] = chance.choice([-holder[key], holder[key] * 1000, str(holder[key]), bool(holder[key])])
    elif kind == 3 and isinstance(holder, dict) and holder is not box:
        rest = json.dumps(holder[key])
        holder[key] = PLACEHOLDER
        doubled = f"{chance.choice([rest, 'null', '1'])}, {json.dumps(key)}: {rest}"
        return json.dumps(box.get("", 0)).replace(json.dumps(PLACEHOLDER), doubled)
    elif kind == 4:
        holder[key] = PLACEHOLDER
        return json.dumps(box.get("", 0)).replace(json.dumps(PLACEHOLDER), chance.choice(LITERALS))
    else:
        holder[key] = chance.choice(ODD)
    return json.dumps(box.get("", 0))


def _places(value: object):
    """Every place in a document where a value stands: what holds it, and under which name or number."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield value, key
        yield from _places(part)


def damage(content: bytes, chance: random.Random, *, json_lines: bool | None) -> bytes:
    """Damage a file of JSON lines (True), one JSON document (False) or anything else (None)."""
    kind = chance.randrange(4)
    if json_lines is None or kind == 0:
        return damage_bytes(content, chance)
    if not json_lines:
        return damage_json(content.decode(), chance).encode()
    if kind == 1:
        return damage_lines(content, chance)
    lines = content.decode().split("\n")
    i = chance.randrange(len(lines) - 1)
    lines[i] = damage_json(lines[i], chance)
    return "\n".join(lines).encode()


def outcome(read, path):
    """What a reader makes of a file: its result, or None after one clear sentence."""
    try:
        return read(path)
    except CourseError as error:
        sentence = str(error)
        assert len(sentence.splitlines()) == 1, sentence
        assert sentence.isprintable(), sentence
        assert sentence.startswith("Expected "), sentence
        assert str(path) in sentence or f"{path.parent.name}/{path.name}" in sentence, sentence
        assert re.search(REMEDY, sentence), sentence
        assert len(sentence) < 1000, sentence
        return None
