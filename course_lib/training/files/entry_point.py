"""How every command of the course begins and ends."""

import codecs
import errno
import functools
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from course_lib.training.files.errors import CourseError

MISTAKEN, INTERRUPTED = 2, 130  # exit codes: argparse's for a mistake of the user's, and the shells' for Ctrl-C
# what a disk, not a mistake in the code, may answer: no right, read-only, full, a file where a folder should be
REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
PLAIN = {"−": "-", "’": "'", "…": "...", "→": "->"}


def entry_point(main: Callable[..., int | None]) -> Callable[..., int]:
    """Let a `main` print to any terminal or file, and return its exit code.

    A CourseError, or a disk that refuses, becomes one sentence and 2; Ctrl-C becomes "Stopped." with what it carries,
    and 130.
    """

    @functools.wraps(main)
    def run(*arguments: object) -> int:
        print_to_any_encoding()
        try:
            with telling_refusals():
                return main(*arguments) or 0
        except CourseError as error:
            sys.stderr.write(f"{error}\n")  # in one piece, which the other processes of a run cannot break into
            return MISTAKEN
        except KeyboardInterrupt as stop:
            print("Stopped.", *stop.args, file=sys.stderr)
            return INTERRUPTED

    return run


@contextmanager
def telling_refusals() -> Iterator[None]:
    """Raise CourseError where the disk refuses a file or a folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        raise CourseError(
            f"Expected to read and write {error.filename or 'files'}, but that failed ({error.strerror}); choose a "
            "folder that you may write to, on a disk with room, for what is written or for a copy of the whole course."
        ) from error


def print_to_any_encoding() -> None:
    """Print what an encoding lacks in plain characters: a true minus sign as -, an emoji as its number."""
    codecs.register_error("plain", plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # tests and notebooks put others in its place
            stream.reconfigure(errors="plain")


def plain(error: UnicodeError) -> tuple[str, int]:
    """Handle an error of encoding, as `codecs.register_error` wants it."""
    lacking = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, sign.encode("ascii", "backslashreplace").decode()) for sign in lacking), error.end
