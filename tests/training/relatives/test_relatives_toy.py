"""PPO's relatives against exact answers, on a language small enough to enumerate."""

import pytest
import torch

from course_lib.equations.best_of_n import best_of_n_distribution
from course_lib.equations.optimum import optimal_policy
from course_lib.training.experiments.toy_language import BOS, EOS, LENGTH, ToyTask, text_probabilities, total_variation
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import dpo
from course_lib.training.relatives.on_policy import grpo, reinforce, rloo
from course_lib.training.relatives.trainer import Trainer
from course_lib.training.settings import PPOSettings

KL_COEF = 0.5


@pytest.fixture
def task() -> ToyTask:
    return ToyTask.draw(torch.Generator().manual_seed(0))


def trainer_of(task: ToyTask, **changes) -> Trainer:
    settings = PPOSettings(
        **{
            "iterations": 300,
            "epochs": 2,
            "batch_size": 1024,
            "response_len": LENGTH,
            "temperature": 1.0,
            "learning_rate": 0.05,
            "kl_coef": KL_COEF,
            "missing_eos_penalty": 0.0,
            "max_grad_norm": 0.0,
        }
        | changes
    )
    prompts, generator = torch.full((1, 1), BOS), torch.Generator().manual_seed(1)
    return Trainer(task.policy(), task.reference, prompts, task.score, settings, EOS, EOS, generator)


def distance_from_the_optimum(trainer: Trainer, task: ToyTask) -> float:
    optimum = optimal_policy(text_probabilities(task.reference), task.rewards, kl_coef=KL_COEF)
    return total_variation(text_probabilities(trainer.policy), optimum)


@pytest.mark.parametrize("method", [reinforce, rloo])
def test_reinforce_and_rloo_reach_the_optimum_of_the_kl_penalised_objective(method, task):
    trainer = trainer_of(task)
    assert distance_from_the_optimum(trainer, task) > 0.3
    for record in method(trainer):
        assert record["response_length"] == LENGTH
    assert record["step"] == 300
    assert distance_from_the_optimum(trainer, task) < 0.01


def test_dpo_reaches_it_from_labels_that_follow_bradley_and_terry(task):
    trainer = trainer_of(task, iterations=100, batch_size=8192, epochs=4)
    records = list(dpo(trainer))
    assert [record["step"] for record in records] == list(range(1, 101))
    assert records[0]["loss"] > records[-1]["loss"]
    assert distance_from_the_optimum(trainer, task) < 0.03


def test_grpo_ends_elsewhere_for_its_scores_have_no_scale(task):
    small, large = (
        trainer_of(task, iterations=60),
        trainer_of(ToyTask(task.reference, 100 * task.rewards), iterations=60),
    )
    for records in (grpo(small), grpo(large)):
        assert list(records)[-1]["kl"] > 0.1
    assert total_variation(text_probabilities(small.policy), text_probabilities(large.policy)) < 1e-3
    assert distance_from_the_optimum(small, task) > 0.1


def test_best_of_n_is_as_good_as_its_exact_distribution(task):
    trainer = trainer_of(task)
    trainer.prompts = trainer.prompts.expand(4096, 1)
    for record in best_of_n(trainer, sizes=(1, 4, 8)):
        chances = best_of_n_distribution(text_probabilities(task.reference), task.rewards, n=record["n"])
        assert record["score"] == pytest.approx((chances * task.rewards).sum().item(), abs=0.03)
        assert (record["response_length"], record["tokens"]) == (LENGTH, LENGTH * record["n"])
