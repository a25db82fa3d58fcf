"""The SHA-256 sums of the shipped data: `data/SHA256SUMS`, in the format of `sha256sum --check`."""

import argparse
import hashlib
import re
import shlex
import sys
from pathlib import Path

from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import DATA

SUMS = "SHA256SUMS"
SHA256 = "[0-9a-f]{64}"
NOT_LISTED = {SUMS, "README.md"}


def sha256(path: Path) -> str:
    """Return a file's SHA-256 sum in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def listed_files(data: Path = DATA) -> list[Path]:
    """List the files whose bytes matter: all of `data`, sorted, but hidden files, prose and the list itself."""
    files = (path for path in data.rglob("*") if path.is_file() and path.name not in NOT_LISTED)
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(data).parts))


def write_checksums(data: Path = DATA) -> Path:
    """Write the sums of everything in `data` to `data/SHA256SUMS` and return its path."""
    lines = [f"{sha256(path)}  {path.relative_to(data).as_posix()}\n" for path in listed_files(data)]
    unfinished = data / f"{SUMS}.tmp"
    unfinished.write_text("".join(lines), encoding="utf-8", newline="\n")
    return unfinished.replace(data / SUMS)


def read_checksums(data: Path = DATA) -> dict[str, str]:
    """Return what `data/SHA256SUMS` says: path relative to `data` -> sum. CourseError where it cannot be read."""
    try:
        lines = (data / SUMS).read_text(encoding="utf-8").removesuffix("\n").split("\n")
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if len(sums) < len(lines) or not all(re.fullmatch(SHA256, digest) for digest in sums.values()):
            raise ValueError("a path is there twice, or a sum is not 64 hexadecimal digits")
        return sums
    except (OSError, ValueError) as error:
        raise CourseError(
            f"Expected {data / SUMS} to list a sum and a path on each line, but it does not ({error}); "
            f"{remedy(data / SUMS)}."
        ) from error


def remedy(path: Path) -> str:
    """What brings a damaged file or folder back: git in a clone, or unpacking; what a user made is made again."""
    if not path.resolve().is_relative_to(DATA.resolve()):
        return "make it again, or copy it again from where it came"
    if not (DATA.parent / ".git").exists():
        return "unpack the course again"
    root, name = shlex.quote(str(DATA.parent)), path.resolve().relative_to(DATA.parent.resolve()).as_posix()
    return f"run `git -C {root} checkout {name}` to restore it, or `make checksums` if you rebuilt it"


def verify(path: Path, *, data: Path = DATA) -> None:
    """Check a shipped file, or every file of a shipped folder, against its recorded sum.

    A path outside `data`, such as a run folder, has no recorded sum and passes. Raises CourseError, which names the
    first file that is missing, damaged or not listed.
    """
    if not path.resolve().is_relative_to(data.resolve()):
        return
    name = path.resolve().relative_to(data.resolve()).as_posix()
    folder = "" if name == "." else f"{name}/"
    sums = {file: sha for file, sha in read_checksums(data).items() if file == name or file.startswith(folder)}
    if not sums:
        raise CourseError(
            f"Expected {data.name}/{SUMS} to list {data.name}/{name}, but it does not; "
            f"check the path, or run `make checksums` if you have just made it."
        )
    for file, expected in sums.items():
        found = sha256(data / file) if (data / file).is_file() else None
        if found != expected:
            came = f"a file with {found[:12]}…" if found else "no such file"
            raise CourseError(
                f"Expected {data.name}/{file} with SHA-256 {expected[:12]}…, but found {came}; {remedy(data / file)}."
            )


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Write the sums of `data`."""
    argparse.ArgumentParser(description="Record the SHA-256 sums of all files in data/.").parse_args(arguments)
    print(f"Wrote {write_checksums()}")


if __name__ == "__main__":
    sys.exit(main())
