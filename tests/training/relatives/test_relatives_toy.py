"""PPO's relatives against exact answers, on a language small enough to enumerate."""

import pytest
import torch

from course_lib.equations.best_of_n import best_of_n_distribution
from course_lib.equations.optimum import optimal_policy
from course_lib.training.experiments.toy_language import (
    LENGTH,
    PROMPTS,
    TEXTS,
    TabularPolicy,
    ToyTask,
    text_probabilities,
    total_variation,
    toy_settings,
)
from course_lib.training.ppo import train
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import DPO, Pairs, dpo
from course_lib.training.relatives.on_policy import GRPO, REINFORCE, RLOO
from course_lib.training.rollout import Rollout

KL_COEF = 0.5


@pytest.fixture
def task() -> ToyTask:
    return ToyTask.draw(torch.Generator().manual_seed(0))


def distance_from_the_optimum(policy: TabularPolicy, task: ToyTask) -> float:
    optimum = optimal_policy(text_probabilities(task.reference), task.rewards, kl_coef=KL_COEF)
    return total_variation(text_probabilities(policy), optimum)


@pytest.mark.parametrize("method", [REINFORCE, RLOO])
def test_reinforce_and_rloo_reach_the_optimum_of_the_kl_penalised_objective(method, task):
    policy, settings = task.policy(), toy_settings(kl_coef=KL_COEF, iterations=300, batch_size=1024)
    assert distance_from_the_optimum(policy, task) > 0.3
    for record in train(policy, task.reference, PROMPTS, task.score, settings=settings, method=method()):
        assert record["response_length"] == LENGTH
    assert record["step"] == 300
    assert distance_from_the_optimum(policy, task) < 0.01


def test_dpo_tells_how_far_both_texts_have_moved_by_hand(task):
    policy = task.policy()
    policy.lm.logits.data.zero_()
    policy.lm.logits.data[0, 0] = torch.tensor(
        3.0
    ).log()  # the first token: 1/2 for a, 1/6 for the others, not 1/4 each
    texts = TEXTS[[0, 63]]  # aaa and ddd
    rollout = Rollout(
        PROMPTS.repeat(2, 1), texts, torch.ones_like(texts, dtype=torch.bool), torch.ones(2, dtype=torch.bool)
    )
    pairs = Pairs(rollout, torch.full((2,), 1 / 64).log(), torch.tensor([0]), torch.tensor([1]))
    _, record = DPO().loss_of_pairs(policy, pairs, torch.tensor([0]), settings=toy_settings(kl_coef=KL_COEF))
    assert record["chosen_log_ratio"] == pytest.approx(0.693, abs=1e-3)  # log 2
    assert record["rejected_log_ratio"] == pytest.approx(-0.405, abs=1e-3)  # log 2/3


def test_dpo_reaches_it_from_labels_that_follow_bradley_and_terry(task):
    policy, settings = task.policy(), toy_settings(kl_coef=KL_COEF, iterations=100, batch_size=8192)
    settings.epochs = 4
    records = list(dpo(policy, task.reference, PROMPTS, task.score, settings=settings))
    assert [record["step"] for record in records] == list(range(1, 101))
    assert records[0]["loss"] > records[-1]["loss"]
    assert distance_from_the_optimum(policy, task) < 0.03


def test_grpo_ends_elsewhere_for_its_scores_have_no_scale(task):
    settings, ends = toy_settings(kl_coef=KL_COEF, iterations=60, batch_size=1024), []
    for scaled in (task, ToyTask(task.reference, 100 * task.rewards)):
        ends.append(task.policy())
        records = train(ends[-1], task.reference, PROMPTS, scaled.score, settings=settings, method=GRPO())
        assert list(records)[-1]["kl"] > 0.1
    assert total_variation(*map(text_probabilities, ends)) < 1e-3
    assert distance_from_the_optimum(ends[0], task) > 0.1


def test_best_of_n_is_as_good_as_its_exact_distribution(task):
    prompts, generator = PROMPTS.expand(4096, 1), torch.Generator().manual_seed(1)
    settings, sizes = toy_settings(kl_coef=KL_COEF), (1, 4, 8)
    records = best_of_n(task.reference, prompts, task.score, settings=settings, generator=generator, sizes=sizes)
    for record, _ in records:
        chances = best_of_n_distribution(text_probabilities(task.reference), task.rewards, n=record["n"])
        assert record["score"] == pytest.approx((chances * task.rewards).sum().item(), abs=0.03)
        assert (record["response_length"], record["tokens"]) == (LENGTH, LENGTH * record["n"])
