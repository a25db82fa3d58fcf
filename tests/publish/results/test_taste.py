"""The taste of a class: agreement worked by hand, and a pooled model that finds what simulated annotators like."""

import pytest
import torch
from shared.invented_class import annotators

from course_lib.classroom.choices import Choice, TextPair, write_pairs
from course_lib.publish.results.taste import agreement_among, agreement_with, pool, read_taste, taste_model
from course_lib.publish.results.taste_run import TasteRun
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import crowd_model
from course_lib.training.settings import RunSettings

PAIRS = [TextPair("", f"left {i}", f"right {i}") for i in range(6)]


def length(texts):
    return torch.tensor([-len(text.split()) / 3 for text in texts])


def against_the_crowd(texts):
    return -crowd_model().score(texts)


@pytest.fixture(scope="module")
def shown():
    return write_pairs()


@pytest.fixture(scope="module")
def others():
    """Pairs that nobody has been asked about."""
    return write_pairs(200, seed=5)


def agree(taste, model, pairs):
    """How often a model prefers what a taste prefers."""
    gaps = [score([p.left for p in pairs]) - score([p.right for p in pairs]) for score in (taste, model.score)]
    told_apart = gaps[0] != 0
    return ((gaps[0] > 0) == (gaps[1] > 0))[told_apart].float().mean().item()


def test_agreement_by_hand():
    votes = torch.tensor([[1.0, 1, 0], [1, -1, 1], [-1, -1, 0]])
    # decided by two: pair 1 three times (one alike), pair 2 three times (one alike), pair 3 never
    assert agreement_among(votes).value == pytest.approx(2 / 6)
    sides = torch.tensor([1.0, -1, 1])
    assert agreement_with(sides, votes).value == pytest.approx(5 / 7)


def test_the_interval_holds_the_share_that_more_students_would_have():
    generator = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(40):
        right = torch.rand(25, 12, generator=generator) < 0.8
        share = agreement_with(torch.ones(12), torch.where(right, 1.0, -1.0))
        held += share.low <= 0.8 <= share.high
    assert held >= 34


def test_students_who_agree_in_everything_and_in_nothing():
    alike = agreement_among(torch.ones(3, 5))
    assert (alike.value, alike.low, alike.high) == (1, 1, 1)
    assert agreement_among(torch.tensor([[1.0] * 5, [-1.0] * 5])).value == 0


def test_pairs_that_one_alone_decided_count_for_nothing():
    both = [Choice(pair, "left") for pair in PAIRS]
    pairs, votes = pool([both, [*both[:5], Choice(PAIRS[5], "neither")], [Choice(PAIRS[0], "neither")]])
    assert pairs == PAIRS[:5]
    assert votes.tolist() == [[1.0] * 5] * 2
    with pytest.raises(CourseError, match="2 students who decided 5 pairs in common"):
        pool([both, both[:4]])


@pytest.mark.parametrize(("taste", "least", "crowd"), [(length, 0.7, 0.6), (against_the_crowd, 0.93, 0.05)])
def test_thirty_annotators_of_a_known_taste_are_found_out(shown, others, taste, least, crowd):
    classmates = annotators(shown, taste, count=30)
    assert agree(taste, crowd_model(), others) < crowd
    assert agree(taste, taste_model(classmates), others) > least


def test_the_class_knows_more_than_one_of_it(shown, others):
    classmates = annotators(shown, length, count=30)
    alone = [agree(length, taste_model([choices] * 2), others) for choices in classmates[:8]]
    assert agree(length, taste_model(classmates), others) > sum(alone) / len(alone) + 0.03


def test_a_class_against_the_crowd_is_told_so(shown):
    taste = read_taste(annotators(shown, lambda texts: 3 * against_the_crowd(texts), count=12))
    assert taste.with_crowd.high < 0.3
    assert taste.among.low > 0.6
    pair, left, right = taste.against
    model = crowd_model()
    assert (left > right) == bool(model.score([pair.left]) < model.score([pair.right]))


def test_ppo_climbs_the_taste_of_the_class_and_not_the_crowd_s(shown):
    room = taste_model(annotators(shown, length, count=30))
    run = TasteRun(room, RunSettings(iterations=4, batch_size=64, evaluation_prompts=16))
    scores = [record["score"] for record in run.records()]
    assert scores[-1] > scores[0] + 0.1
    written = run.written()
    assert written[0].prompt == "If you recognize"
    assert len({row.for_room.text for row in written}) > 1
    assert written[0].for_crowd.crowd > written[0].before.crowd
