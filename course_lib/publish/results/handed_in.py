"""What students hand in: folders, zips, notebooks and Python files, read without running or unpacking anything.

What is missing, damaged or too large is a sentence in the student's line, not a stop.
"""

import os
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from course_lib.classroom.answers import ANSWERS
from course_lib.classroom.exercises.my_library import LIBRARY
from course_lib.training.files.errors import CourseError

LIBRARY_FILE, CHOICES_FILE, ANSWERS_FILE = LIBRARY.name, "my_choices.jsonl", ANSWERS.name
WANTED = (LIBRARY_FILE, CHOICES_FILE, ANSWERS_FILE)
MOST_BYTES, MOST_FILES, DEEPEST = 5_000_000, 5_000, 6
LEFT_OUT = {"__MACOSX", "__pycache__", ".ipynb_checkpoints", ".git", ".venv"}
DAMAGE = (OSError, RuntimeError, EOFError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass
class HandedIn:
    """One student's files as texts, by their names, and what was not as it should be, in sentences."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def notebooks(self) -> dict[str, str]:
        """The notebooks among them."""
        return {name: text for name, text in self.files.items() if name.endswith(".ipynb")}


def read_class(folder: Path) -> list[HandedIn]:
    """Read what lies in a folder, one student an entry, in the order of their names.

    Raises:
        CourseError: there is no such folder, or nothing of the students' in it.
    """
    if not folder.is_dir():
        came = "it is a file" if folder.exists() else "there is no such folder"
        raise CourseError(f"Expected a folder with one folder, zip or notebook a student at {folder}, but {came}.")
    entries = [path for path in sorted(folder.iterdir()) if is_students(path)]
    if not entries:
        raise CourseError(f"Expected what students handed in in {folder}, but it has nothing; put it there.")
    return [read_one(path) for path in entries]


def is_students(path: Path) -> bool:
    """Tell whether an entry is a student's, not of the system or written by this command."""
    known = path.is_dir() or path.is_symlink() or path.suffix.lower() in (".zip", ".ipynb", ".py")
    return known and not path.name.startswith(".") and path.name not in LEFT_OUT


def read_one(path: Path) -> HandedIn:
    """Read one student's folder, zip, notebook or Python file."""
    handed = HandedIn(plain_name(path.name if path.is_dir() else path.stem))
    try:
        if path.is_symlink():
            handed.told.append("It is a link to somewhere else, which is not followed.")
        elif path.is_dir():
            take(handed, in_folder(path))
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                take(handed, in_zip(archive))
        else:
            name = path.name if path.suffix.lower() == ".ipynb" else LIBRARY_FILE
            take(handed, iter([(PurePosixPath(name), path.stat().st_size, path.read_bytes)]))
    except DAMAGE as error:
        handed.told.append(f"It cannot be read: {said(error)}.")
    if not handed.files:
        handed.told.append(f"There is none of {', '.join(WANTED)}, and no notebook.")
    return handed


def take(handed: HandedIn, found: Iterator[tuple]) -> None:
    """Take the wanted files out of those found, given as their path, size and a function that reads them."""
    ordered = sorted(found, key=lambda each: (len(each[0].parts), str(each[0])))
    if len(ordered) >= MOST_FILES:
        handed.told.append(f"It has {MOST_FILES:,} files or more: the others are not looked at.")
    for path, size, read in ordered:
        name = path.name if path.name in WANTED else str(path) if path.suffix.lower() == ".ipynb" else None
        if name is None or name in handed.files:
            continue
        if size > MOST_BYTES:
            handed.told.append(f"{name} is larger than {MOST_BYTES // 10**6} MB and is left out.")
            continue
        try:
            handed.files[name] = read().decode("utf-8-sig")
        except UnicodeDecodeError:
            handed.told.append(f"{name} is not text in UTF-8.")
        except DAMAGE as error:
            handed.told.append(f"{name} cannot be read: {said(error)}.")


def in_folder(folder: Path) -> Iterator[tuple]:
    """The files below a folder, links not followed."""
    count = 0
    for parent, folders, names in os.walk(folder):
        inside = Path(parent).relative_to(folder)
        folders[:] = sorted(set(folders) - LEFT_OUT) if len(inside.parts) < DEEPEST else []
        for name in sorted(names):
            path = Path(parent, name)
            if path.is_symlink() or not path.is_file():
                continue
            count += 1
            if count > MOST_FILES:
                return
            yield PurePosixPath(inside.as_posix(), name), path.stat().st_size, path.read_bytes


def in_zip(archive: zipfile.ZipFile) -> Iterator[tuple]:
    """The files in a zip; each is read in memory, and no further than it may be long."""

    def reader(entry: zipfile.ZipInfo):
        def read() -> bytes:
            with archive.open(entry) as file:
                content = file.read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise ValueError("it is longer than it says")
            return content

        return read

    for entry in archive.infolist()[:MOST_FILES]:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if not entry.is_dir() and not LEFT_OUT & set(path.parts):
            yield path, entry.file_size, reader(entry)


def plain_name(name: str) -> str:
    """A name without signs that a page or a table cannot show, and of a length that it can."""
    shown = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C")
    return shown.strip()[:80] or "(no name)"


def said(error: BaseException) -> str:
    """An error's words in one short line."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split())[:120].rstrip(".")
