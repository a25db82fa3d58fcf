"""Every command of the course: it prints to any encoding, and tells a mistake of the user's in one sentence."""

import errno
import importlib
import io
import os
import re
import sys
from pathlib import Path

import pytest

from course_lib.__main__ import main as course
from course_lib.publish import notebooks
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError

ROOT = Path(__file__).parents[1]
CHECKSUMS = "training.files.checksums"
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


def test_a_disk_that_refuses_is_told_in_a_sentence_and_a_mistake_in_the_code_is_not(capsys):
    def fail(error):
        raise error

    assert entry_point(fail)(PermissionError(errno.EACCES, "Permission denied", "slides")) == 2
    told = capsys.readouterr().err
    assert told.startswith("Expected to read and write slides, but that failed (Permission denied); choose a folder")
    with pytest.raises(FileNotFoundError):
        entry_point(fail)(FileNotFoundError(errno.ENOENT, "No such file or directory", "a file of ours"))


@pytest.mark.parametrize("name", ["publish.site", "publish.slides", "publish.present", "publish.notebooks", CHECKSUMS])
def test_on_a_read_only_disk_a_command_ends_in_a_sentence(name, monkeypatch, capsys):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    def only_read(path, mode="r", **options):
        return refuse(path) if "w" in mode else to_open(path, mode, **options)

    to_open = Path.open

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "open", only_read)
    monkeypatch.setattr(notebooks, "run", lambda *_, **__: None)
    assert importlib.import_module(f"course_lib.{name}").main([]) == 2
    told = r"Expected to read and write \S+, but that failed \(Read-only file system\); choose a folder"
    assert re.match(told, capsys.readouterr().err)


@pytest.mark.parametrize("name", ["site", "slides"])
def test_a_file_in_the_way_is_told_in_a_sentence(name, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert importlib.import_module(f"course_lib.publish.{name}").main(["--out", str(tmp_path / "file" / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"Expected to read and write {tmp_path / 'file'}")


def test_a_system_that_cannot_fork_is_told_that_it_cannot_judge_a_class(monkeypatch, capsys, tmp_path):
    monkeypatch.delattr(os, "fork", raising=False)
    assert course(["class", str(tmp_path)]) == 2
    assert "on Windows run this in WSL" in capsys.readouterr().err
