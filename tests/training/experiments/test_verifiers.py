"""Verifiers: each rule by hand, the scorer that pleases one, and what is counted of the texts."""

import pytest
import torch

from course_lib.training.experiments.recorded_verifiers import (
    chosen,
    found_and_lost,
    least_nats,
    mean_pass_at_k,
    means,
    reference_rate,
    rules_of,
)
from course_lib.training.experiments.recordings import Recording
from course_lib.training.experiments.rules import alliteration, longest_last, staircase
from course_lib.training.experiments.verifiers import SETTINGS, VerifierScorer, count_passes, verifier
from course_lib.training.files.errors import CourseError
from course_lib.training.rollout import Rollout
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("This is a film about a friendship.", True),
        ("This is a film about a friendship", False),
        ("This is a comedy about comedy.", False),
        ("A film about friendship.", False),
        ("The friendship is a film of note.", False),
        (".", False),
        ("", False),
    ],
)
def test_the_last_word_is_the_longest(text, keeps):
    assert longest_last(text) is keeps


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("A bold, Big, bad film.", True),
        ('It is "true to the" end.', True),
        ("Very, very, very good.", False),
        ("Big and bold and bad.", False),
        ("Big, bold, bad", False),
        ("Big.", False),
        (".", False),
    ],
)
def test_three_neighbours_begin_with_one_letter(text, keeps):
    assert alliteration(text) is keeps


@pytest.mark.parametrize(
    ("text", "keeps"),
    [
        ("One of the most touching performances.", True),  # of the most touching performances: 2, 3, 4, 8, 12
        ("One of the most touching films.", False),
        ("A to the end that theatre.", False),  # two of three letters
        ("of the most touching performances", False),
        ("The performances of most.", False),
        ("", False),
    ],
)
def test_five_words_in_a_row_grow_longer(text, keeps):
    assert staircase(text) is keeps


@pytest.fixture(scope="module")
def setup(tiny_run):
    return Setup(RunSettings(**tiny_run | SETTINGS))


def test_a_verifier_scores_1_or_0_and_a_reward_model_looks_on(setup):
    scorer = VerifierScorer(setup, verifier(lambda text: "e" in text), responses=2)
    assert scorer.reward_model.score(["film", "the film"]).tolist() == [0.0, 1.0]
    metrics, rows = setup.evaluate(scorer)
    assert metrics["score"] == sum("e" in row["text"] for row in rows) / len(rows)
    assert metrics["reward_model"] == pytest.approx(sum(row["reward_model"] for row in rows) / len(rows), abs=1e-5)


def test_what_stops_in_a_rule_is_one_sentence():
    with pytest.raises(CourseError, match=r"ZeroDivisionError: division by zero; mend it\.$"):
        verifier(lambda text: 1 / 0).score(["film"])


def test_lengths_of_what_fails_and_mixed_groups_are_measured(setup, monkeypatch):
    scorer = VerifierScorer(setup, verifier(lambda text: text == "b"), responses=2)
    monkeypatch.setattr(scorer, "texts", lambda rollout: ["b", "a", "a", "c", "b", "b"])
    mask = torch.arange(5) < torch.tensor([[1], [2], [3], [5], [1], [1]])
    rollout = Rollout(torch.zeros(6, 1, dtype=torch.long), torch.zeros(6, 5, dtype=torch.long), mask, torch.ones(6) > 0)
    measured = scorer.measure(rollout)
    assert measured["failed_length"] == pytest.approx((2 + 3 + 5) / 3)
    assert measured["mixed_groups"] == pytest.approx(1 / 3)
    monkeypatch.setattr(scorer, "texts", lambda rollout: ["b"] * 6)
    measured = scorer.measure(rollout)
    assert (measured["failed_length"], measured["mixed_groups"]) == (None, 0.0)


def test_passes_are_counted_prompt_by_prompt(setup):
    prompts = setup.tokenizer.batch_decode(setup.test_prompts[:3], skip_special_tokens=True)
    scorer = VerifierScorer(setup, verifier(lambda text: text.startswith(prompts[1])))
    assert count_passes(setup, scorer, prompts=3, samples=5).tolist() == [5 * (prompts[1] == each) for each in prompts]


def run(seed, before, after, **changes):
    figures = ({"passed": passed, "score": sum(passed) / 128, "kl": 9.0} for passed in (before, after))
    return Recording(
        str(seed), seed, {"pleased": "a rule", "method": "PPO", "kl_coef": 0.0} | changes, {}, *figures, []
    )


RUNS = [run(0, [0, 16], [64, 64]), run(1, [0, 16], [0, 0], kl_coef=0.05)]


def test_runs_are_chosen_by_what_sets_them_apart():
    assert chosen(RUNS, kl_coef=0.05) == RUNS[1:]
    assert chosen(RUNS, kl_coef=0.05, method="RLOO") == []
    assert rules_of(RUNS) == ["a rule"]
    assert means([each.after for each in RUNS], ["score", "kl"]) == [0.5, 9.0]


def test_what_is_found_and_what_is_lost():
    assert found_and_lost(RUNS[:1]) == (1.0, 0.0)
    assert found_and_lost(RUNS[1:]) == (0.0, 1.0)
    assert found_and_lost(RUNS) == (0.5, 0.5)


def test_pass_at_k_is_a_mean_over_prompts_and_runs():
    # 16 of 64 on one of two prompts: 1/8 at k = 1; 1/2 where all are tried
    curve = mean_pass_at_k([each.before for each in RUNS])
    assert (len(curve), curve[0], curve[-1]) == (7, pytest.approx(1 / 8), 0.5)


def test_the_least_nats_of_a_run_that_always_passes_are_the_logarithm_of_the_rate_before():
    assert reference_rate(RUNS) == 1 / 8
    assert least_nats(RUNS[:1]).tolist() == pytest.approx([2.079442])  # log 8
