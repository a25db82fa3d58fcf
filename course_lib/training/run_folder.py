"""The folder that a run leaves: JSON files that are whole or absent."""

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from course_lib import __version__
from course_lib.training.checksums import write_checksums
from course_lib.training.errors import CourseError

LOCK = ".lock"
PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "vaderSentiment")


def new_run_folder(out: str) -> Path:
    """Create the folder of a run: `out`, which must be new or empty, or the next free runs/run-N.

    Raises:
        CourseError: the folder holds something, or cannot be written.
    """
    number = 1
    while not out and Path(f"runs/run-{number}").exists():
        number += 1
    folder = Path(out or f"runs/run-{number}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(path.name != LOCK for path in folder.iterdir()):
            raise CourseError(
                f"Expected a new or empty folder, but {folder} holds files; choose another --out, or go on with a run "
                "that was stopped: --resume."
            )
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CourseError(
            f"Expected a folder that can be written, but {folder} cannot ({error.strerror}); choose another --out."
        ) from None
    return folder


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a run folder for this process; the system gives it free however the process ends.

    Raises:
        CourseError: another run has it.
    """
    try:
        with FileLock(folder / LOCK, timeout=0):
            yield
    except Timeout:
        raise CourseError(
            f"Expected a folder that no other run writes to, but {folder} is in use; wait for that run, or choose "
            "another --out."
        ) from None


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
    """Add one record to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def versions() -> dict[str, str]:
    """The versions that a run's numbers depend on."""
    return {"course": __version__, "python": platform.python_version(), "machine": platform.machine()} | {
        package: version(package) for package in PACKAGES
    }
