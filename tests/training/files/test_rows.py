"""Files of every kind as users have them, and what is wrong with them in one sentence."""

import gzip
import json
import sys

import pytest

from course_lib.training.files.errors import CourseError
from course_lib.training.files.rows import read_rows

LINES = "A film\n\nÜber alles\n"
RECORDS = [{"prompt": "A film"}, {"prompt": "Über alles"}]


@pytest.fixture
def write(tmp_path):
    def write(content, name):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("encoding", "end", "written"),
    [
        ("utf-8", "\n", ""),
        ("utf-8-sig", "\n", " (UTF-8 with a byte-order mark)"),
        ("utf-8", "\r\n", " (lines ended by CRLF)"),
        ("utf-8", "\r", " (lines ended by CR)"),
        ("utf-16", "\r\n", " (UTF-16 with a byte-order mark, lines ended by CRLF)"),
        ("utf-32", "\n", " (UTF-32 with a byte-order mark)"),
    ],
)
def test_a_text_a_line_however_an_editor_writes_it(write, encoding, end, written):
    path = write(LINES.replace("\n", end).encode(encoding), "prompts.txt")
    rows = read_rows(path)
    assert rows.rows == ["A film", "", "Über alles"]
    assert [place for place, _ in rows] == [f"line {number} of {path}" for number in (1, 2, 3)]
    assert rows.described == f"{path}{written}"


def test_a_line_ends_at_a_line_s_end_alone(write):
    odd = "a\x0bb\x0cc\x1cd\u2028e\x85f"  # where str.splitlines would cut
    assert read_rows(write(odd, "prompts.txt")).rows == [odd]
    assert read_rows(write(json.dumps(odd, ensure_ascii=False), "prompts.jsonl")).rows == [odd]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", "".join(json.dumps(row) + "\n" for row in RECORDS)),
        ("rows.ndjson", "\n\n".join(json.dumps(row, ensure_ascii=False) for row in RECORDS)),
        ("rows.json", json.dumps(RECORDS, indent=2)),
        ("ROWS.JSONL", "".join(json.dumps(row) + "\n" for row in RECORDS)),
        ("rows.csv", "prompt\nA film\nÜber alles\n"),
        ("rows.csv", 'prompt\r\n"A film"\r\n"Über alles"'),
        ("rows.jsonl.gz", gzip.compress("".join(json.dumps(row) + "\n" for row in RECORDS).encode())),
        ("rows.csv.gz", gzip.compress("prompt\nA film\nÜber alles\n".encode("utf-8-sig"))),
    ],
)
def test_the_same_rows_from_every_kind_of_file(write, name, content):
    assert read_rows(write(content, name)).rows == RECORDS


@pytest.mark.parametrize(("name", "separator"), [("a.csv", ","), ("a.csv", ";"), ("a.csv", "\t"), ("a.tsv", "\t")])
def test_a_table_of_any_separator_with_lines_and_quotes_within_a_field(write, name, separator):
    content = f'prompt{separator}id\n"One, ""two"";\nthree"{separator}7\nfour{separator}8\n'
    rows = read_rows(write(content, name))
    assert rows.rows == [{"prompt": 'One, "two";\nthree', "id": "7"}, {"prompt": "four", "id": "8"}]
    assert rows.places == ["line 3", "line 4"]


def test_what_is_no_number_in_a_field_that_nobody_asks_for_does_no_harm(write):
    assert read_rows(write('{"prompt": "a", "score": NaN}', "a.jsonl")).rows == [{"prompt": "a", "score": None}]


BAD = {
    "another encoding": ("a.txt", b"A film\nTr\xe8s bien\n", "but line 2 has the byte 0xe8, .*; save it as UTF-8"),
    "no text": ("a.txt", b"PK\x03\x04\0\0", "Expected text in .*, but it has zero bytes"),
    "gzip cut short": ("a.txt.gz", gzip.compress(b"A film" * 99)[:-9], "Expected .* to be packed whole by gzip"),
    "gzip damaged": ("a.txt.gz", gzip.compress(b"A film" * 9)[:12] + b"\xff" * 9, "Expected .* packed whole by gzip"),
    "no JSON": ("a.jsonl", '{"prompt": "a"}\nA film\n', "Expected JSON in line 2 of .*a.jsonl, but it is not"),
    "JSON cut short": ("a.json", '[{"prompt": "a"}', "Expected JSON in .*a.json, but it is not"),
    "half a character": ("a.jsonl", '"\\ud83d"', "Expected JSON in line 1 of"),
    "too many columns": ("a.csv", "prompt,id\na,1\nb, or not,2\n", "Expected 2 columns up to line 3 of .*a.csv"),
    "too few columns": ("a.csv", "prompt,id\na\n", "Expected 2 columns up to line 2"),
    "an open quote": ("a.csv", 'prompt\n"a\nb\n', "Expected CSV up to line .* of .*a.csv, but"),
}


@pytest.mark.parametrize(("name", "content", "said"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_read_is_one_sentence(write, name, content, said):
    with pytest.raises(CourseError, match=said) as error:
        read_rows(write(content, name))
    assert "\n" not in str(error.value)


def test_a_file_that_is_none(tmp_path):
    with pytest.raises(CourseError, match=r"Expected texts in the file .*, but it is a folder; check the path"):
        read_rows(tmp_path)
    with pytest.raises(CourseError, match="but there is no such file"):
        read_rows(tmp_path / "nowhere.txt")


def test_without_the_library_for_tables_it_is_said_how_to_get_it(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(CourseError, match=r"Expected the library datasets .* pip install .* '\.\[data\]', or write"):
        read_rows(write(b"PAR1", "a.parquet"))


def test_tables_of_the_hub(tmp_path, write):
    pytest.importorskip("datasets")
    from pyarrow import Table, ipc, parquet

    pairs = [{"chosen": [{"role": "user", "content": side}], "rejected": [], "score": 1.5} for side in "ab"]
    table = Table.from_pylist(pairs)
    parquet.write_table(table, tmp_path / "a.parquet")
    with ipc.new_stream(str(tmp_path / "a.arrow"), table.schema) as stream:
        stream.write_table(table)
    for name in ("a.parquet", "a.arrow"):
        rows = read_rows(tmp_path / name)
        assert rows.rows == pairs
        assert rows.places == ["row 1", "row 2"]
    with pytest.raises(CourseError, match=r"Expected a table in .*damaged.parquet, but reading it failed"):
        read_rows(write(b"PAR1 and no more", "damaged.parquet"))
