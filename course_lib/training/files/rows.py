"""Reading what a user has, a text a line, JSON lines, CSV or Parquet, as editors, spreadsheets and the hub write it."""

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from course_lib.training.files import strict_json
from course_lib.training.files.errors import CourseError

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as that of UTF-16, so it is looked for first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SEPARATORS = {".csv": ",;\t|", ".tsv": "\t"}  # a spreadsheet writes the one of its country
JSON_LINES = {".jsonl", ".ndjson", ".json"}
TABLES = {".parquet", ".arrow"}  # which the library `datasets` reads


@dataclass
class Rows:
    """What a file holds, row by row: a text, or fields by their names; where a row stands; how the file is written."""

    path: Path
    rows: list[object]
    places: list[str]
    written: list[str] = field(default_factory=list)

    @property
    def described(self) -> str:
        """The file, and what is not plain about how it is written: `prompts.csv (lines ended by CRLF)`."""
        return f"{self.path} ({', '.join(self.written)})" if self.written else str(self.path)

    def __iter__(self) -> Iterator[tuple[str, object]]:
        """Each row with its place: `line 3 of prompts.txt`."""
        return zip((f"{place} of {self.path}" for place in self.places), self.rows, strict=True)


def read_rows(path: Path) -> Rows:
    """Read a file by the end of its name: .jsonl, .csv, .parquet and their like, or a text a line; .gz is unpacked.

    Raises:
        CourseError: there is no such file, it is of another kind, or a line of it is damaged.
    """
    if not path.is_file():
        came = "it is a folder" if path.is_dir() else "there is no such file"
        raise CourseError(f"Expected texts in the file {path}, but {came}; check the path.")
    kind = Path(path.name.lower().removesuffix(".gz")).suffix
    if kind in TABLES:
        return read_table(path)
    text, written = read_text(path)
    if kind in JSON_LINES:
        return Rows(path, *json_rows(text, path), written)
    if kind in SEPARATORS:
        return Rows(path, *csv_rows(text, path, SEPARATORS[kind]), written)
    lines = text.removesuffix("\n").split("\n")
    return Rows(path, lines, [f"line {number}" for number in range(1, len(lines) + 1)], written)


def read_text(path: Path) -> tuple[str, list[str]]:
    """A file's text with its lines ended by a line feed alone, and what was not plain UTF-8 about it.

    Raises:
        CourseError: it is neither UTF-8 nor begins with a byte-order mark, or is no text.
    """
    content, written = path.read_bytes(), []
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise CourseError(f"Expected {path} to be packed whole by gzip, but {error}; copy it again.") from None
    mark = next((mark for mark in BYTE_ORDER_MARKS if content.startswith(mark)), b"")
    encoding = BYTE_ORDER_MARKS.get(mark, "utf-8")
    if mark:
        written.append(f"{encoding.removesuffix('-sig').upper()} with a byte-order mark")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise CourseError(
            f"Expected UTF-8 in {path}, but line {line} has the byte {content[error.start]:#04x}, as files in another "
            "encoding have; save it as UTF-8."
        ) from None
    if "\0" in text:
        raise CourseError(
            f"Expected text in {path}, but it has zero bytes; save it as text, JSON lines, CSV or Parquet."
        )
    if "\r" in text:
        written.append("lines ended by CRLF" if "\r\n" in text else "lines ended by CR")
    return text.replace("\r\n", "\n").replace("\r", "\n"), written


def json_rows(text: str, path: Path) -> tuple[list[object], list[str]]:
    """One row a line, blank ones left out; or those of one list.

    Raises:
        CourseError: a line is no JSON.
    """
    if text.lstrip().startswith("["):
        rows = parse(text, str(path))
        return rows, [f"row {number}" for number in range(1, len(rows) + 1)]
    lines = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    rows = [parse(line, f"line {number} of {path}") for number, line in lines]
    return rows, [f"line {number}" for number, _ in lines]


def parse(text: str, place: str) -> object:
    """Read JSON; NaN in a field that nobody asks for does no harm."""
    try:
        return strict_json.parse(text, nan_is_null=True)
    except ValueError as error:
        raise CourseError(f"Expected JSON in {place}, but it is not ({error}); mend it.") from None


def csv_rows(text: str, path: Path, separators: str) -> tuple[list[object], list[str]]:
    """One row for each behind the first, which names the columns; it tells which separator the file has, too.

    Raises:
        CourseError: a quote is not closed, or a row has more or fewer columns than the first.
    """
    first = text.partition("\n")[0]
    separator = max(separators, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, places = [], []
    try:
        for row in reader:
            if None in row or None in row.values():
                raise CourseError(
                    f"Expected {len(reader.fieldnames)} columns up to line {reader.line_num} of {path}, as its first "
                    "line has, but there are others; put quotes around what holds a separator."
                )
            rows.append(row)
            places.append(f"line {reader.line_num}")
    except csv.Error as error:
        raise CourseError(f"Expected CSV up to line {reader.line_num} of {path}, but {error}; mend it.") from None
    return rows, places


def read_table(path: Path) -> Rows:
    """One row for each of a Parquet or Arrow file.

    Raises:
        CourseError: the library `datasets` is not installed, or cannot read the file.
    """
    try:
        from datasets import Dataset, disable_progress_bars
    except ImportError:
        raise CourseError(
            f"Expected the library datasets to read {path}, but it is not installed; run: pip install -c "
            "constraints.txt -e '.[data]', or write the file as JSON lines."
        ) from None
    disable_progress_bars()
    read = {".parquet": Dataset.from_parquet, ".arrow": Dataset.from_file}[path.suffix.lower()]
    try:
        with TemporaryDirectory() as cache:
            options = {"cache_dir": cache, "keep_in_memory": True} if path.suffix.lower() == ".parquet" else {}
            rows = read(str(path), **options).to_list()
    except Exception as error:  # pyarrow and datasets each raise their own kinds
        reason = " ".join(str(error).split())[:160]
        raise CourseError(f"Expected a table in {path}, but reading it failed ({reason}); copy it again.") from None
    return Rows(path, rows, [f"row {number}" for number in range(1, len(rows) + 1)])
