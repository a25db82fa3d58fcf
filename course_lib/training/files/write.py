"""Writing files so that each is whole, or absent."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from course_lib.training.files.checksums import write_checksums


def write_folder(path: Path, save: Callable[[Path], None]) -> None:
    """Let `save` fill a folder with files; it appears under its name whole, with its checksums, or not at all."""
    unfinished = path.with_name(path.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    save(unfinished)
    write_checksums(unfinished)
    shutil.rmtree(path, ignore_errors=True)
    unfinished.rename(path)


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_lines(path: Path, records: list[dict]) -> None:
    """Write JSON lines whole or not at all."""
    write_text(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def write_text(path: Path, content: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, content.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: aside, then renamed."""
    unfinished = path.with_name(path.name + ".tmp")
    with unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def append_line(path: Path, record: dict) -> None:
    """Add one record to a file of JSON lines, on a line of its own, though the line before it may not have ended."""
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
        begin = b"" if file.read() in (b"", b"\n") else b"\n"
        file.write(begin + json.dumps(record).encode() + b"\n")
