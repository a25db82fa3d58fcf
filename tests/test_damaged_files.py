"""Thousands of damaged files: one clear sentence each, or nothing but values that the file really says."""

import gzip
import hashlib
import json
import random
import re

import pytest
from shared.damage import damage, outcome
from shared.documents import TEXTS, documents, is_number, is_text, lines, once

from course_lib.classroom.choices import ANSWERS, Choice, ChoiceFile, TextPair
from course_lib.recipes.score import read_generated
from course_lib.training.files.checksums import SUMS, read_checksums
from course_lib.training.ratings import SPLITS, RatedSentence, load_ratings

FILES = 500

RATED = [
    RatedSentence(number, text, tuple((number * k) % 9 - 4 for k in range(1, 4)), SPLITS[number % 3])
    for number, text in enumerate(TEXTS)
]


def ratings_file(path):
    path.write_bytes(lines(vars(sentence) for sentence in RATED))


def check_ratings(sentences, path):
    said = documents(path)
    assert [vars(sentence) for sentence in sentences] == [
        {**record, "ratings": tuple(record["ratings"])} for record in said
    ]
    assert len({sentence.id for sentence in sentences}) == len(sentences)
    for sentence in sentences:
        assert type(sentence.id) is int
        assert is_text(sentence.text)
        assert sentence.text.strip()
        assert sentence.split in SPLITS
        assert all(type(rating) is int and -4 <= rating <= 4 for rating in sentence.ratings)
        assert is_number(sentence.mean, -4, 4)


def choices_file(path):
    for i, answer in enumerate(ANSWERS * 2):
        pair = TextPair("The", TEXTS[i % 5], TEXTS[(i + 1) % 5])
        ChoiceFile(path).add(Choice(pair, answer))
        if i == 2:
            ChoiceFile(path).undo(pair)


def generated_file(path):
    path.write_bytes(gzip.compress(lines({"text": text, "score": i - 2.25} for i, text in enumerate(TEXTS)), mtime=0))


def check_generated(records, path):
    said = [
        json.loads(line, object_pairs_hook=once)
        for line in gzip.decompress(path.read_bytes()).decode().split("\n")
        if line
    ]
    assert records == said
    assert all(is_text(record["text"]) and is_number(record["score"]) for record in records)


def sums_file(path):
    (path.parent / "weights").write_bytes(b"abc")
    names = ["weights", "model/other file", "z"]
    path.write_text("".join(f"{hashlib.sha256(b'abc').hexdigest()}  {name}\n" for name in names))


def check_sums(sums, path):
    for name, digest in sums.items():
        assert f"{digest}  {name}" in path.read_text(encoding="utf-8").split("\n")
        assert re.fullmatch("[0-9a-f]{64}", digest)
    assert len(sums) == len(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))


READERS = {
    "film.jsonl": (ratings_file, load_ratings, check_ratings, True),
    "film.jsonl.gz": (generated_file, read_generated, check_generated, None),
    SUMS: (sums_file, lambda path: read_checksums(path.parent), check_sums, None),
}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_in_one_sentence_or_read_as_it_stands(tmp_path, name):
    write, read, check, json_lines = READERS[name]
    path, chance, refused = tmp_path / name, random.Random(name), 0
    write(path)
    good = path.read_bytes()
    check(read(path), path)
    for number in range(FILES):
        content = gzip.decompress(good) if name.endswith("gz") and number % 2 else good
        content = damage(content, chance, json_lines=True if content is not good else json_lines)
        path.write_bytes(gzip.compress(content) if name.endswith("gz") and number % 2 else content)
        result = outcome(read, path)
        if result is None:
            refused += 1
            assert path.read_bytes() != good
        else:
            check(result, path)
    assert FILES / 4 < refused < FILES


def test_of_a_damaged_file_of_choices_the_whole_lines_are_read(tmp_path):
    path, chance, told = tmp_path / "choices.jsonl", random.Random("choices"), 0
    choices_file(path)
    good = path.read_bytes()
    for _ in range(FILES):
        path.write_bytes(damage(good, chance, json_lines=True))
        result = outcome(lambda path: ChoiceFile(path).read(), path)
        if result is None:
            continue  # it is no text any more
        choices, damaged = result
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        told += bool(damaged)
        for choice in choices:
            assert choice.answer in ANSWERS
            assert all(is_text(text) for text in vars(choice.pair).values())
        for number in damaged:
            assert lines[number - 1].strip()
        assert len(choices) + len(damaged) <= len(lines)
    assert FILES / 4 < told < FILES
