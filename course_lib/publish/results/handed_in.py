"""What students hand in: folders, zips, notebooks and Python files, read without running or unpacking anything.

What is missing, damaged or too large is a sentence in the student's line, not a stop.
"""

import io
import os
import re
import unicodedata
import zipfile
import zlib
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from course_lib.classroom.answers import ANSWERS
from course_lib.classroom.exercises.my_library import LIBRARY
from course_lib.training.files.errors import CourseError

LIBRARY_FILE, CHOICES_FILE, ANSWERS_FILE = LIBRARY.name, "my_choices.jsonl", ANSWERS.name
WANTED = (LIBRARY_FILE, CHOICES_FILE, ANSWERS_FILE)
MOST_BYTES, MOST_IN_ALL, MOST_FILES, DEEPEST = 5_000_000, 100_000_000, 5_000, 6
LEFT_OUT = {"__MACOSX", "__pycache__", ".ipynb_checkpoints", ".git", ".venv"}
OF_MACOS = "._"  # what it lays beside each file
PACKED = {".rar", ".7z", ".gz", ".tgz", ".tar", ".bz2", ".xz"}
OWN = {"class.html", "class.csv", "marks.csv"}
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
DAMAGE = (OSError, RuntimeError, EOFError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error)


@dataclass
class HandedIn:
    """One student's files as texts, by their names, and what was not as it should be, in sentences."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    read: int = 0  # bytes so far, those of zips in zips too

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
    handed = [read_one(path) for path in entries]
    same = Counter(each.name.casefold() for each in handed)
    for each, path in zip(handed, entries, strict=True):
        if same[each.name.casefold()] > 1:
            each.name = f"{each.name} ({'folder' if path.is_dir() else plain_name(path.name)})"
    return handed


def is_students(path: Path) -> bool:
    """Tell whether an entry is a student's, also one that is packed so that it cannot be read."""
    named = path.suffix.lower() in (".zip", ".py", *PACKED) or wanted(PurePosixPath(path.name)) is not None
    return (path.is_dir() or path.is_symlink() or named) and not is_systems(path)


def is_systems(path: Path) -> bool:
    """Tell whether an entry is of the system or written by this command."""
    return path.name.startswith(".") or path.name in LEFT_OUT | OWN


def strangers(folder: Path) -> list[str]:
    """The names of what lies in a folder and is taken for no student's."""
    return [path.name for path in sorted(folder.iterdir()) if not is_students(path) and not is_systems(path)]


def read_one(path: Path) -> HandedIn:
    """Read one student's folder, zip, notebook or Python file."""
    kind = path.suffix.lower()
    handed = HandedIn(plain_name(path.name if path.is_dir() else path.stem))
    try:
        if path.is_symlink():
            handed.told.append("It is a link to somewhere else, which is not followed.")
        elif path.is_dir():
            take(handed, in_folder(path))
        elif path.is_file() and kind == ".zip":
            with zipfile.ZipFile(path) as archive:
                take(handed, in_zip(archive))
        elif path.is_file() and kind not in PACKED:
            name = LIBRARY_FILE if kind == ".py" else path.name
            take(handed, [Found(PurePosixPath(name), path.stat().st_size, path.read_bytes)])
        else:
            handed.told.append(f"{plain_name(path.name)} is packed in another way: unpack it, or zip it.")
    except DAMAGE as error:
        handed.told.append(f"It cannot be read: {said(error)}.")
    if not handed.files:
        handed.told.append(f"There is none of {', '.join(WANTED)}, and no notebook.")
    return handed


class Found(NamedTuple):
    """A file in a folder or a zip: its path in there, its size in bytes, and what reads it."""

    path: PurePosixPath
    size: int
    read: Callable[[], bytes]


def take(handed: HandedIn, found: Iterable[Found], *, inside: bool = False) -> None:
    """Take the wanted files out of those found, and out of zips among them; `inside` such a zip no other is opened."""
    ordered = sorted(found, key=lambda each: (each.path.name not in WANTED, len(each.path.parts), each.path))
    if len(ordered) >= MOST_FILES:
        handed.told.append(f"It has {MOST_FILES:,} files or more: the others are not looked at.")
    for each in ordered:
        name = wanted(each.path)
        if name and name not in handed.files:
            take_text(handed, name, each)
    for each in ordered:
        if each.path.suffix.lower() == ".zip" and not each.path.name.startswith(OF_MACOS):
            take_zip(handed, each, inside=inside)


def wanted(path: PurePosixPath) -> str | None:
    """The name under which a file is taken, also one that a browser or a teacher's page has renamed; None if it is not.

    `my_rlhf (1).py` is a `my_rlhf.py`.
    """
    if path.name.startswith(OF_MACOS):
        return None
    if path.suffix.lower() == ".ipynb":
        return str(path)
    return next((name for name in WANTED if is_like(path, PurePosixPath(name))), None)


def is_like(path: PurePosixPath, name: PurePosixPath) -> bool:
    """Tell whether a file has this name, with something before or behind it."""
    return name.stem in path.stem and path.suffix.lower() == name.suffix


def take_text(handed: HandedIn, name: str, found: Found) -> None:
    """Take a file as text, or say why not."""
    if found.size > MOST_BYTES:
        handed.told.append(f"{name} is larger than {MOST_BYTES // 10**6} MB and is left out.")
        return
    try:
        handed.files[name] = as_text(read_bounded(handed, found))
    except UnicodeDecodeError:
        handed.told.append(f"{name} is not text in UTF-8.")
    except DAMAGE as error:
        handed.told.append(f"{name} cannot be read: {said(error)}.")
    if name in WANTED and name in handed.files and found.path.name != name:
        handed.told.append(f"{plain_name(found.path.name)} is taken for {name}.")


def read_bounded(handed: HandedIn, found: Found) -> bytes:
    """Read a file. ValueError where this student's files are too large together."""
    handed.read += found.size
    if handed.read > MOST_IN_ALL:
        raise ValueError(f"there are more than {MOST_IN_ALL // 10**6} MB")
    return found.read()


def as_text(content: bytes) -> str:
    """A text in UTF-8, or in UTF-16 with its mark, as PowerShell writes it. UnicodeDecodeError where it is neither."""
    return content.decode("utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8-sig")


def take_zip(handed: HandedIn, found: Found, *, inside: bool) -> None:
    """Take the wanted files out of a zip in a folder or in another zip, or say why not."""
    name = plain_name(found.path.name)
    if inside:
        handed.told.append(f"{name} is a zip in a zip in another, and is left out.")
        return
    try:
        with zipfile.ZipFile(io.BytesIO(read_bounded(handed, found))) as archive:
            take(handed, in_zip(archive), inside=True)
    except DAMAGE as error:
        handed.told.append(f"{name} cannot be read: {said(error)}.")


def in_folder(folder: Path) -> Iterator[Found]:
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
            yield Found(PurePosixPath(inside.as_posix(), name), path.stat().st_size, path.read_bytes)


def in_zip(archive: zipfile.ZipFile) -> Iterator[Found]:
    """The files in a zip; each is read in memory, and no further than it says that it is long."""

    def reader(entry: zipfile.ZipInfo) -> Callable[[], bytes]:
        def read() -> bytes:
            with archive.open(entry) as file:
                content = file.read(entry.file_size + 1)
            if len(content) > entry.file_size:
                raise ValueError("it is longer than it says")
            return content

        return read

    count = 0
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if not entry.is_dir() and not LEFT_OUT & set(path.parts) and count < MOST_FILES:
            count += 1
            yield Found(path, entry.file_size, reader(entry))


def writable(text: str) -> str:
    """A text whose signs all can be written and shown: the others, and those that turn a line around, are marked."""
    return UNWRITABLE.sub("\ufffd", text)


def plain_name(name: str) -> str:
    """A name without signs that a page or a table cannot show, and of a length that it can."""
    shown = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C")
    return shown.strip()[:80] or "(no name)"


def said(error: BaseException) -> str:
    """An error's words in one short line."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(words).split())[:120].rstrip(".")
