"""Where the nats go: what runs paid, read off a frontier, and the KL after each token, worked by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from course_lib.training.experiments.frontier import Frontier
from course_lib.training.experiments.nats import mean_ends, nats_by_token, spent
from course_lib.training.experiments.recordings import Recording
from course_lib.training.policy import Policy
from course_lib.training.rollout import Rollout

FRONTIER = Frontier(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0]), np.zeros(3))


def run(name: str, seed: int, *, score: float, kl: float, explained: float) -> Recording:
    metrics = {"explained_variance": [explained, 0.9]}
    return Recording(name, seed, {}, metrics, {}, {"score": score, "kl": kl}, [])


def test_what_a_name_paid_is_the_mean_of_its_seeds_and_what_it_had_to_pay_is_read_off_the_frontier():
    runs = [
        run("default", 0, score=1.4, kl=4.0, explained=0.7),
        run("far", 0, score=2.5, kl=9.0, explained=0.0),
        run("default", 1, score=1.6, kl=5.0, explained=0.8),
    ]
    default, far = spent(runs, FRONTIER)
    assert default == ("default", pytest.approx(1.5), pytest.approx(4.5), pytest.approx(2.0), pytest.approx(0.75))
    assert far == ("far", 2.5, 9.0, 4.0, 0.0)  # two nats for each further point, as between 1 and 3 nats


def test_ends_are_means_over_seeds_from_near_to_far():
    runs = [run("b", 0, score=2.0, kl=9.0, explained=0.0)]
    runs += [run("a", seed, score=seed, kl=4.0 + seed, explained=0.0) for seed in (0, 1)]
    assert mean_ends(runs) == [(4.5, 0.5), (9.0, 2.0)]


class Bigrams(nn.Module):
    """A language model of three tokens that looks at the last one alone: a row of probabilities for each."""

    def __init__(self, *rows: tuple[float, ...]):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=1)
        self.table = torch.tensor(rows).log()

    def forward(self, *, input_ids, attention_mask, use_cache):
        return SimpleNamespace(logits=self.table[input_ids])


ALIKE = (1 / 3, 1 / 3, 1 / 3)


def test_nats_are_counted_after_each_token_of_a_response_and_probability_where_it_went():
    policy = Policy(Bigrams(ALIKE, (0.5, 0.25, 0.25), ALIKE), eos_id=2, pad_id=2)
    reference = Policy(Bigrams(ALIKE, (0.25, 0.5, 0.25), ALIKE), eos_id=2, pad_id=2)
    prompts, responses = torch.tensor([[1, 0], [0, 1]]), torch.tensor([[1, 0], [2, 1]])
    mask = torch.tensor([[True, True], [True, False]])  # the places before: 0 and 1 in the first text, 1 in the second
    found = nats_by_token(
        policy, reference, Rollout(prompts, responses, mask, torch.tensor([False, True])), temperature=1.0
    )
    # two times in two texts: 0.5 log 2 + 0.25 log 0.5 = 0.25 * 0.6931
    assert found.nats.tolist() == pytest.approx([0, 0.1733, 0], abs=1e-4)
    assert found.times.tolist() == [0.5, 1.0, 0.0]
    assert found.moved.tolist() == pytest.approx([0.25, -0.25, 0.0], abs=1e-6)
