"""Writes what students are given, as one zip: `make handout`.

In it are the notebooks without solutions, answers, notes and outputs, the library, the data, some tests, and a start
for Linux, macOS and Windows that needs neither make nor git. The same course gives the same bytes.
"""

import argparse
import io
import sys
import zipfile
from pathlib import Path

from nbformat import NotebookNode

from course_lib.classroom.predictions import FILE, SEALED, seal
from course_lib.publish.graders import nbgrader_source, otter_tests
from course_lib.publish.stored import find, read, to_json
from course_lib.publish.students import questions, students_edition
from course_lib.training.files.checksums import SUMS, read_checksums
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.write import write_bytes

ROOT = Path(__file__).parents[2]
NAME = "rlhf-course"  # of the zip, and of the folder in it
GIVEN = Path(__file__).with_name("given")  # what stands on top, beside the files of TOP
TOP = ("pyproject.toml", "constraints.txt", "LICENSE")
PUBLISH = {"__init__.py", "lab.py", "copies.py", "stored.py", "jupyter"}  # what the lab needs; all else publishes
TESTS = (
    "tests/conftest.py",
    "tests/shared/tiny_models.py",
    *(f"tests/equations/test_{name}.py" for name in ("advantages", "kl", "logprobs", "masking", "policy_gradient")),
    *(f"tests/equations/test_{name}.py" for name in ("ppo", "preferences", "value_loss")),
    "tests/training/test_ppo_toy.py",
    "tests/training/files/test_shipped.py",
)
RUN = {"start.sh"}
TIME = (2000, 1, 1, 0, 0, 0)  # of every file, so that none tells when the zip was made


def build(root: Path = ROOT) -> dict[str, bytes]:
    """Return the files for students by their paths, in order."""
    paths = {path.relative_to(root).as_posix(): path for path in given_as_they_are(root)}
    paths |= {path.name: path for path in GIVEN.iterdir()}
    files = {name: as_given(name, path.read_bytes()) for name, path in paths.items()}
    files[SEALED.relative_to(ROOT).as_posix()] = seal(questions(notebooks(root).values()))
    for name, notebook in notebooks(root).items():
        files[f"notebooks/{name}"] = to_json(students_edition(notebook)).encode()
    return dict(sorted(files.items()))


def notebooks(root: Path = ROOT) -> dict[str, NotebookNode]:
    """Read the course's own notebooks, by the names of their files."""
    return {path.name: read(path) for path in find([], root / "notebooks")}


def given_as_they_are(root: Path) -> list[Path]:
    """List the library, the data and the tests that students are given."""
    library = [path for path in (root / "course_lib").rglob("*") if path.is_file() and is_given(path, root)]
    data = [root / "data" / name for name in (*read_checksums(root / "data"), SUMS, "README.md")]
    tests = [path for pattern in TESTS for path in root.glob(pattern)]
    return [*library, *data, *tests, *(root / name for name in TOP)]


def is_given(path: Path, root: Path) -> bool:
    """Tell whether students get a file of the library: not what was compiled, nor answers, nor what publishes."""
    _, room, *inside = path.relative_to(root).parts
    hidden = any(part.startswith((".", "__pycache__")) for part in (room, *inside))
    return not hidden and path.name != FILE.name and (room != "publish" or inside[0] in PUBLISH)


def as_given(name: str, content: bytes) -> bytes:
    """Let a text have the line ends that its system reads; the bytes of data are those of their checksums."""
    if name.startswith("data/"):
        return content
    plain = content.replace(b"\r\n", b"\n")
    return plain.replace(b"\n", b"\r\n") if name.endswith(".bat") else plain


def pack(files: dict[str, bytes]) -> bytes:
    """Zip files, of one time and with the rights that they need, in a folder of the course's name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(f"{NAME}/{name}", date_time=TIME)
            info.create_system = 3  # Unix, wherever it is made: only so are the rights read
            info.external_attr = (0o100755 if name in RUN else 0o100644) << 16
            archive.writestr(info, content, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)
    return packed.getvalue()


def write_all(files: dict[str, bytes], out: Path) -> None:
    """Write files into a folder."""
    for name, content in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        write_bytes(out / name, content)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Write the zip and, where it is asked for, what grades it."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.publish.handout", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "handout", help="the folder to write (default: handout)")
    parser.add_argument("--otter", action="store_true", help="also write tests for otter-grader, in its folder otter")
    parser.add_argument("--nbgrader", action="store_true", help="also write nbgrader's source folder, in nbgrader")
    asked = parser.parse_args(arguments)
    files = build()
    packed = pack(files)
    write_all({f"{NAME}.zip": packed}, asked.out)
    unpacked = sum(map(len, files.values())) / 1e6
    print(f"{asked.out / NAME}.zip: {len(packed) / 1e6:.1f} MB, {len(files)} files of {unpacked:.1f} MB.")
    for folder, wanted, made in (("otter", asked.otter, otter_tests), ("nbgrader", asked.nbgrader, nbgrader_source)):
        if wanted:
            files = made(notebooks())
            write_all(files, asked.out / folder)
            print(f"{asked.out / folder}: {len(files)} files; INSTRUCTORS.md says how they are used.")


if __name__ == "__main__":
    sys.exit(main())
