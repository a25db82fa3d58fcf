"""The estimated frontier: where it lies on the toy language, whose own is exact, where it ends, and how it is read."""

import json

import numpy as np
import pytest
import torch

from course_lib.equations.optimum import estimated_frontier, optimal_policy
from course_lib.training.experiments.fixed_points import best_reward_at, kl_and_reward
from course_lib.training.experiments.frontier import Frontier, load_frontier, mean_frontier
from course_lib.training.experiments.recordings import Recording
from course_lib.training.experiments.toy_language import ToyTask, text_probabilities
from course_lib.training.files.errors import CourseError

KL_COEFS = (2.0, 1.0, 0.5, 0.3)
TASK = ToyTask.draw(torch.Generator().manual_seed(0))


def prompt(number: int, scores: torch.Tensor) -> Recording:
    """The estimate from the scores of one prompt's samples, as it is recorded."""
    columns = estimated_frontier(scores, kl_coefs=KL_COEFS)._asdict().items()
    metrics = {"kl_coef": [*KL_COEFS]} | {name: values.tolist() for name, values in columns}
    return Recording(f"prompt {number}", 0, {}, metrics, {"score": scores.mean().item()}, {}, [])


def toy_scores(rows: int, samples: int) -> torch.Tensor:
    """Rewards of so many sampled texts of the toy language's reference."""
    texts = torch.multinomial(
        text_probabilities(TASK.reference).expand(rows, -1),
        samples,
        replacement=True,
        generator=torch.Generator().manual_seed(1),
    )
    return TASK.rewards[texts].double()


@pytest.fixture(scope="module")
def estimated() -> Frontier:
    return mean_frontier([prompt(number, scores) for number, scores in enumerate(toy_scores(64, 4096))])


def test_on_the_toy_language_it_is_the_exact_frontier(estimated):
    reference = text_probabilities(TASK.reference)
    exact = [kl_and_reward(optimal_policy(reference, TASK.rewards, kl_coef=kl_coef), TASK) for kl_coef in KL_COEFS]
    exact_kl, exact_score = zip((0.0, (reference * TASK.rewards).sum().item()), *exact, strict=True)
    assert estimated.kl == pytest.approx(exact_kl, abs=0.01)
    assert estimated.score == pytest.approx(exact_score, abs=0.01)
    for kl, score, error in zip(estimated.kl[1:], estimated.score[1:], estimated.error[1:], strict=True):
        assert abs(score - best_reward_at(kl, TASK)) < 3 * error < 0.02


def test_few_samples_err_low_by_what_the_docstring_says():
    scores, kl_coef = toy_scores(4096, 64), 0.5
    estimate = estimated_frontier(scores, kl_coefs=[kl_coef])
    kl, score = kl_and_reward(optimal_policy(text_probabilities(TASK.reference), TASK.rewards, kl_coef=kl_coef), TASK)
    short = score - kl_coef * kl - (estimate.score - kl_coef * estimate.kl).mean().item()
    bound = kl_coef / 2 / estimate.effective_samples.mean().item()
    assert 0.5 * bound < short < 1.5 * bound


def made(effective: list[list[float]]) -> list[Recording]:
    """A prompt for each row of effective samples, scores one apart: 0 at 0 nats, then 1, 1.5 and 1.75 at 1, 2 and 3."""
    columns = {"kl_coef": [2.0, 1.0, 0.5], "kl": [1.0, 2.0, 3.0]}
    return [
        Recording(
            f"prompt {i}",
            0,
            {},
            columns | {"score": [1.0 + i, 1.5 + i, 1.75 + i], "effective_samples": row},
            {"score": 0.0 + i},
            {},
            [],
        )
        for i, row in enumerate(effective)
    ]


@pytest.mark.parametrize(
    ("last", "points"),
    [([900.0, 90.0, 32.0], 4), ([900.0, 90.0, 31.0], 3), ([900.0, 31.0, 31.0], 2), ([31.0, 31.0, 40.0], 1)],
)
def test_it_ends_where_the_samples_no_longer_carry_it(last, points):
    frontier = mean_frontier(made([last] * 10))
    assert frontier.kl.tolist() == [0.0, 1.0, 2.0, 3.0][:points]
    assert frontier.score.tolist() == [4.5, 5.5, 6.0, 6.25][:points]


def test_a_tenth_of_the_prompts_may_have_fewer():
    assert len(mean_frontier(made([[900.0, 90.0, 40.0]] * 10 + [[900.0, 90.0, 1.0]])).kl) == 4
    assert len(mean_frontier(made([[900.0, 90.0, 40.0]] * 10 + [[900.0, 90.0, 1.0]] * 3)).kl) == 3


def test_the_error_is_that_of_the_mean_over_prompts():
    # two prompts one apart: a standard deviation of 1/sqrt(2), and a standard error of 1/2
    assert mean_frontier(made([[900.0, 90.0, 40.0]] * 2)).error.tolist() == pytest.approx([0.5] * 4)


def test_prompts_on_one_line_tell_exactly_what_a_kl_buys():
    # at a coefficient of 2 both lie on score = 2 KL, so their mean does, however far apart they are
    places, starts = [(1.0, 2.0), (3.0, 6.0)], [{"score": 0.0}, {"score": 1.0}]
    prompts = []
    for (kl, score), before in zip(places, starts, strict=True):
        columns = {"kl_coef": [2.0], "kl": [kl], "score": [score], "effective_samples": [99.0]}
        prompts.append(Recording("", 0, {}, columns, before, {}, []))
    frontier = mean_frontier(prompts)
    assert (frontier.kl.tolist(), frontier.score.tolist()) == ([0.0, 2.0], [0.5, 4.0])
    assert frontier.error.tolist() == pytest.approx([0.5, 0.0])


def test_what_nats_buy_and_scores_cost_is_read_off_the_line():
    frontier = Frontier(np.array([0.0, 1.0, 3.0]), np.array([0.5, 1.5, 2.0]), np.zeros(3))
    assert [frontier.score_at(kl) for kl in (0.0, 0.5, 2.0, 3.0, 3.1)] == [0.5, 1.0, 1.75, 2.0, None]
    assert [frontier.nats_for(score) for score in (-1.0, 0.5, 1.0, 2.0, 2.1)] == [0.0, 0.0, 0.5, 3.0, None]


def test_a_recording_is_loaded(tmp_path):
    runs = [run.__dict__ for run in made([[900.0, 90.0, 40.0]] * 2)]
    (tmp_path / "frontier.json").write_text(json.dumps({"runs": runs}))
    frontier = load_frontier(folder=tmp_path)
    assert (frontier.kl.tolist(), frontier.score.tolist()) == ([0, 1, 2, 3], [0.5, 1.5, 2, 2.25])


@pytest.mark.parametrize("damage", [{"metrics": {}}, {"before": {}}, None])
def test_a_damaged_recording_is_one_sentence(tmp_path, damage):
    runs = [] if damage is None else [run.__dict__ | damage for run in made([[900.0, 90.0, 40.0]] * 2)]
    (tmp_path / "frontier.json").write_text(json.dumps({"runs": runs}))
    with pytest.raises(CourseError, match=r"Expected recorded runs in .*frontier\.json, but .*make it again"):
        load_frontier(folder=tmp_path)
