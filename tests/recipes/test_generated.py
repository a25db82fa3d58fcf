"""The sentences that the teacher wrote: in their form, and no copy of a held-out one among them."""

import math

import pytest

from course_lib.recipes.corpus import GENERATED, HeldOut
from course_lib.recipes.score import read_generated
from course_lib.training.ratings import load_ratings


@pytest.fixture(scope="module")
def records():
    return read_generated()


def test_every_record_has_a_text_and_a_score(records):
    assert len(records) >= 8000
    assert GENERATED.stat().st_size <= 2_500_000
    assert all(record.keys() == {"text", "score"} and math.isfinite(record["score"]) for record in records)
    assert len({record["text"].lower() for record in records}) == len(records)


def test_none_copies_a_held_out_sentence(records):
    held_out = HeldOut(sentence.text for split in ("validation", "test") for sentence in load_ratings(split=split))
    assert not any(held_out.has_copy_of(record["text"]) for record in records[::5])


def test_the_teacher_sees_both_moods(records):
    scores = [record["score"] for record in records]
    assert min(scores) < -2
    assert max(scores) > 2
