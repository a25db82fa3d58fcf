"""The folder that a run leaves: JSON files that are whole or absent."""

import json
import platform
from importlib.metadata import version
from pathlib import Path

from course_lib.training.errors import CourseError

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
        if any(folder.iterdir()):
            raise CourseError(f"Expected a new or empty folder, but {folder} holds files; choose another --out.")
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CourseError(
            f"Expected a folder that can be written, but {folder} cannot ({error.strerror}); choose another --out."
        ) from None
    return folder


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_lines(path: Path, records: list[dict]) -> None:
    """Write JSON lines whole or not at all."""
    write_text(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


def write_text(path: Path, content: str) -> None:
    """Write a text file whole or not at all."""
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(content, encoding="utf-8")
    unfinished.replace(path)


def append_line(path: Path, record: dict) -> None:
    """Add one record to a file of JSON lines."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def versions() -> dict[str, str]:
    """The versions that a run's numbers depend on."""
    return {"python": platform.python_version(), "machine": platform.machine()} | {
        package: version(package) for package in PACKAGES
    }
