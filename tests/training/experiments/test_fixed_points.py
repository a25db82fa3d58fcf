"""Where the methods end on the toy language, against what can be derived with pen and paper."""

import pytest
import torch

from course_lib.equations.optimum import penalised_reward
from course_lib.training.experiments.fixed_points import (
    best_reward_at,
    find_fixed_points,
    follow,
    grpo,
    implied_rewards,
    kl_and_reward,
)
from course_lib.training.experiments.toy_language import (
    PROMPTS,
    VOCAB,
    ToyTask,
    text_probabilities,
    total_variation,
    toy_settings,
)
from course_lib.training.ppo import train
from course_lib.training.relatives.on_policy import GRPO

COEFS = [0.3, 1.0, 3.0]


@pytest.fixture(scope="module")
def task():
    return ToyTask.draw(torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def points(task):
    return find_fixed_points(task, COEFS)


@pytest.mark.parametrize("method", ["PPO, REINFORCE, RLOO", "DPO"])
def test_with_the_kl_in_the_reward_and_in_dpo_the_end_is_the_optimum(points, task, method):
    for end, optimum in zip(points.methods[method], points.optimum, strict=True):
        assert total_variation(end, text_probabilities(task.reference)) > 0.03
        assert total_variation(end, optimum) < 0.002


def test_grpo_ends_elsewhere_at_a_lower_value(points, task):
    reference = text_probabilities(task.reference)
    for kl_coef, end, optimum in zip(COEFS, points.methods["GRPO"], points.optimum, strict=True):
        assert total_variation(end, optimum) > 0.03
        values = [penalised_reward(texts, reference, task.rewards, kl_coef=kl_coef) for texts in (end, optimum)]
        assert values[0] < values[1]


@pytest.mark.parametrize("row", range(len(COEFS)))
def test_before_its_last_token_grpo_ends_where_kl_from_the_other_side_is_balanced(points, task, row):
    # Lagrange: p (Q - sum p Q) + kl_coef (ref - p) = 0 for each of the four tokens, Q the whitened reward of the text
    end, ref = points.methods["GRPO"][row].double(), text_probabilities(task.reference).double()
    mean = (end * task.rewards).sum()
    spread = (end * (task.rewards - mean) ** 2).sum().sqrt()
    q = ((task.rewards - mean) / spread).view(-1, VOCAB)
    p, ref = (texts.view(-1, VOCAB) / texts.view(-1, VOCAB).sum(dim=1, keepdim=True) for texts in (end, ref))
    pull = p * (q - (p * q).sum(dim=1, keepdim=True)) + COEFS[row] * (ref - p)
    assert pull.abs().max() < 0.01


def test_dpo_implies_the_reward_but_for_one_number(task):
    apart = implied_rewards(task, kl_coef=1.0) - task.rewards
    assert apart.max() - apart.min() < 0.05
    assert apart.mean().abs() > 0.1


def test_with_hard_labels_dpo_goes_on_and_on(task):
    best, worst = task.rewards.argmax(), task.rewards.argmin()
    ends = [implied_rewards(task, kl_coef=1.0, hard_labels=True, steps=steps) for steps in (300, 1000, 3000)]
    gaps = [(end[best] - end[worst]).item() for end in ends]
    assert gaps[0] + 2 < gaps[1] < gaps[2] - 2


def test_the_frontier_is_the_optimum_of_that_kl(points, task):
    for optimum in points.optimum:
        kl, reward = kl_and_reward(optimum, task)
        assert best_reward_at(kl, task) == pytest.approx(reward, abs=1e-3)
    for end in points.methods["GRPO"]:
        kl, reward = kl_and_reward(end, task)
        assert best_reward_at(kl, task) > reward + 0.01


def test_the_division_by_the_spread_alone_changes_the_coefficient_and_nothing_else(task):
    def over_spread(*arguments):
        return grpo(*arguments, kl_in_loss=False)

    end = follow(over_spread, torch.tensor([1.0]), task)[0]
    mean = (end * task.rewards).sum()
    spread = (end * (task.rewards - mean) ** 2).sum().sqrt().item()
    (optimum,) = find_fixed_points(task, [spread]).optimum
    assert spread < 0.9
    assert total_variation(end, optimum) < 0.002


def test_the_loop_of_grpo_ends_where_its_expected_gradient_does(task, points):
    policy, settings = task.policy(), toy_settings(kl_coef=1.0)
    list(train(policy, task.reference, PROMPTS, task.score, settings=settings, method=GRPO(responses=64)))
    end, exact, optimum = text_probabilities(policy), points.methods["GRPO"][1], points.optimum[1]
    assert total_variation(end, exact) < 0.04
    assert total_variation(end, optimum) > 0.15
