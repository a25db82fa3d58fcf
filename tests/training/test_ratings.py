import json
import re

import pytest
import torch

from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import RatedSentence, draw_pairs, held_out, load_ratings

GOOD = {"id": 1, "text": "A fine film.", "ratings": [3, 2, 4], "split": "train"}


def write(path, *records):
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def pairs_of(sentences, count, seed=0):
    return draw_pairs(sentences, count=count, generator=torch.Generator().manual_seed(seed))


def test_the_shipped_ratings_are_all_there():
    sentences = load_ratings()
    assert len(sentences) == 10_605
    assert [len(load_ratings(split=name)) for name in ("train", "validation", "test")] == [8_605, 1_000, 1_000]
    assert {len(sentence.ratings) for sentence in sentences} <= set(range(15, 30))
    assert sentences[2] == RatedSentence(
        3, "Effective but too tepid biopic", (-1, 0, -1, 0, -1, -1, -1, -1, 0, -2, 1, 1, -1, -1, -1), "train"
    )


def test_mean_of_the_ratings(tmp_path):
    (sentence,) = load_ratings(write(tmp_path / "r.jsonl", GOOD))
    assert sentence.mean == 3.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{not json", "a JSON object in line 2"),
        ("[1, 2]", "a JSON object in line 2"),
        ({"id": 2, "text": "Bad.", "ratings": [1]}, "the fields id, text, ratings, split in line 2"),
        ({**GOOD, "id": 2, "mood": "good"}, "the fields id, text, ratings, split in line 2"),
        ({**GOOD, "id": "2"}, "a whole number as id in line 2"),
        ({**GOOD, "id": 2, "text": " "}, "a text that is not empty in line 2"),
        ({**GOOD, "id": 2, "text": None}, "a text that is not empty in line 2"),
        ({**GOOD, "id": 2, "ratings": []}, "a list of ratings in line 2"),
        ({**GOOD, "id": 2, "ratings": "3"}, "a list of ratings in line 2"),
        ({**GOOD, "id": 2, "ratings": [1, float("nan")]}, "a JSON object in line 2"),
        ({**GOOD, "id": 2, "ratings": [None]}, "ratings that are whole numbers from -4 to 4 in line 2"),
        ({**GOOD, "id": 2, "ratings": [1.5]}, "ratings that are whole numbers from -4 to 4 in line 2"),
        ({**GOOD, "id": 2, "ratings": [True]}, "ratings that are whole numbers from -4 to 4 in line 2"),
        ({**GOOD, "id": 2, "ratings": [5]}, "ratings that are whole numbers from -4 to 4 in line 2"),
        ({**GOOD, "id": 2, "ratings": [-5]}, "ratings that are whole numbers from -4 to 4 in line 2"),
        ({**GOOD, "id": 2, "split": "dev"}, "a split out of train, validation, test in line 2"),
        (GOOD, "an id that no earlier line has in line 2"),
    ],
)
def test_a_damaged_line_is_named(tmp_path, line, expected):
    path = write(tmp_path / "r.jsonl", GOOD, line)
    with pytest.raises(CourseError, match=re.escape(f"Expected {expected} of {path}, but ")) as caught:
        load_ratings(path)
    assert str(caught.value).count("\n") == 0
    assert str(caught.value).endswith("; mend the file.")


def test_a_file_that_is_missing_empty_or_no_text(tmp_path):
    with pytest.raises(CourseError, match=r"there is no such file; mend the file\."):
        load_ratings(tmp_path / "none.jsonl")
    with pytest.raises(CourseError, match="it is empty"):
        load_ratings(write(tmp_path / "r.jsonl", ""))
    (tmp_path / "r.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CourseError, match="to be UTF-8 text"):
        load_ratings(tmp_path / "r.jsonl")


def test_an_unknown_split_is_refused():
    with pytest.raises(CourseError, match="Expected split to be one of train, validation, test, but it is 'dev'"):
        load_ratings(split="dev")


def test_pairs_put_the_liked_sentence_first_and_drop_ties():
    good, bad = RatedSentence(1, "good", (2, 2), "train"), RatedSentence(2, "bad", (-1, 2), "train")
    assert set(pairs_of([good, bad], 50)) == {(good, bad)}


def test_pairs_are_as_noisy_as_the_raters():
    # a has the higher mean (1.5 against 1), yet one of its two raters said 0: half of the pairs are the wrong way round
    a, b = RatedSentence(1, "a", (3, 0), "train"), RatedSentence(2, "b", (1, 1), "train")
    share = sum(pair.chosen is a for pair in pairs_of([a, b], 2000)) / 2000
    assert 0.46 < share < 0.54


def test_pairs_depend_on_the_seed_alone():
    sentences = load_ratings(split="validation")
    assert pairs_of(sentences, 100, seed=7) == pairs_of(sentences, 100, seed=7)
    assert pairs_of(sentences, 100, seed=7) != pairs_of(sentences, 100, seed=8)


@pytest.mark.parametrize("ratings", [[], [(1, 2)], [(1, 1), (1,)]])
def test_no_pairs_without_a_difference(ratings):
    sentences = [RatedSentence(number, "text", row, "train") for number, row in enumerate(ratings)]
    with pytest.raises(CourseError, match="Expected at least two sentences with different ratings"):
        pairs_of(sentences, 1)


def test_what_is_held_out_is_a_quarter_of_the_test_sentences_with_their_mean_ratings():
    texts, ratings = held_out()
    sentences = load_ratings(split="test")
    assert texts[1] == sentences[4].text
    assert ratings[1].item() == pytest.approx(sentences[4].mean)
    assert len(texts) == len(ratings) == -(-len(sentences) // 4)
