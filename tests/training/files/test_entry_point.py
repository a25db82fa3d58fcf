"""Every command of the course: it prints to any encoding, and tells a mistake of the user's in one sentence."""

import importlib
import io
import sys
from pathlib import Path

import pytest

from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

ROOT = Path(__file__).parents[3]
COMMANDS = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "course_lib").rglob("*.py"))
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")
]


@pytest.fixture
def printed(monkeypatch):
    """Print into memory in an encoding; returns a function that reads what arrived there."""

    def into(encoding):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
        monkeypatch.setattr(sys, "stdout", stream)
        return lambda: stream.flush() or stream.buffer.getvalue()

    return into


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_begins_and_ends_as_all_do_and_helps(name, printed):
    read = printed("ascii")
    with pytest.raises(SystemExit) as left:
        importlib.import_module(name).main(["--help"])
    assert left.value.code == 0
    assert read().startswith(b"usage: ")
    assert sys.stdout.errors == "plain", f"{name}.main is no entry_point"


@pytest.mark.parametrize(
    ("encoding", "arrives"),
    [
        ("utf-8", "from −0.03 to the model’s 😀\n".encode()),
        ("cp1252", b"from -0.03 to the model\x92s \\U0001f600\n"),
        ("ascii", b"from -0.03 to the model's \\U0001f600\n"),
    ],
)
def test_what_an_encoding_lacks_is_printed_in_plain_characters(encoding, arrives, printed):
    read = printed(encoding)
    assert entry_point(lambda: print("from −0.03 to the model’s 😀"))() == 0
    assert read() == arrives


def test_mistakes_and_interrupts_become_a_sentence_and_a_code(capsys):
    def fail(error):
        raise error

    assert entry_point(fail)(CourseError("Expected X, but Y came; do Z.")) == 2
    assert capsys.readouterr().err == "Expected X, but Y came; do Z.\n"
    assert entry_point(fail)(KeyboardInterrupt("Go on with: this")) == 130
    assert capsys.readouterr().err == "Stopped. Go on with: this\n"
    assert entry_point(lambda: 3)() == 3
