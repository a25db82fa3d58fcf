"""The folder that a run leaves: found or made, and kept for one process."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from filelock import FileLock, Timeout

from course_lib import __version__
from course_lib.training.files.errors import CourseError

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


def versions() -> dict[str, str]:
    """The versions that a run's numbers depend on."""
    return {"course": __version__, "python": platform.python_version(), "machine": platform.machine()} | {
        package: version(package) for package in PACKAGES
    }
