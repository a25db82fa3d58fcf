"""PPO's relatives on a tiny GPT-2: which texts are compared with which, and what is sampled when."""

import copy

import pytest
import torch
from shared.tiny_models import EOS, PAD

from course_lib.training.files.errors import NotFiniteError
from course_lib.training.policy import Policy
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import dpo, sample_pairs
from course_lib.training.relatives.on_policy import grpo, reinforce, rloo
from course_lib.training.relatives.trainer import Trainer
from course_lib.training.rollout import Rollout, join_rollouts
from course_lib.training.settings import PPOSettings

PROMPTS = torch.tensor([[0, 5], [0, 9], [0, 20]])
SETTINGS = {"iterations": 2, "batch_size": 8, "response_len": 6, "kl_coef": 0.0, "missing_eos_penalty": 0.0}


def liking_for_the_prompt(rollout):
    """A score that the response has no part in."""
    return rollout.prompt_ids[:, 1].float()


def count_of_token_3(rollout):
    return ((rollout.response_ids == 3) & rollout.response_mask).sum(dim=1).float()


@pytest.fixture
def new_trainer(tiny_lm):
    def make(score=count_of_token_3, measure=None, **changes) -> Trainer:
        policy, reference = Policy(copy.deepcopy(tiny_lm)), Policy(copy.deepcopy(tiny_lm)).requires_grad_(False)
        generator = torch.Generator().manual_seed(0)
        settings = PPOSettings(**SETTINGS | changes)
        return Trainer(policy, reference, PROMPTS, score, settings, EOS, PAD, generator, measure)

    return make


def test_a_prompt_that_scores_high_earns_its_texts_nothing_under_rloo_and_grpo(new_trainer):
    assert next(reinforce(new_trainer(liking_for_the_prompt)))["grad_norm"] > 0.1
    assert next(rloo(new_trainer(liking_for_the_prompt), responses=2))["grad_norm"] < 1e-5
    assert next(grpo(new_trainer(liking_for_the_prompt), responses=4))["grad_norm"] < 1e-5


@pytest.mark.parametrize("method", [reinforce, rloo, grpo, dpo])
def test_only_the_policy_changes(method, new_trainer):
    trainer = new_trainer(kl_coef=0.5)
    policy, reference = copy.deepcopy(trainer.policy.state_dict()), copy.deepcopy(trainer.reference.state_dict())
    records = list(method(trainer))
    assert [(record["step"], record["learning_rate"]) for record in records] == [(1, 3e-4), (2, 1.5e-4)]
    assert any((policy[name] != weight).any() for name, weight in trainer.policy.state_dict().items())
    assert all((reference[name] == weight).all() for name, weight in trainer.reference.state_dict().items())


@pytest.mark.parametrize("method", [reinforce, rloo, grpo])
def test_kl_costs_nothing_while_the_policy_is_the_reference_and_something_later(method, new_trainer):
    once = {"epochs": 1, "minibatches": 1, "learning_rate": 0.01}
    free, charged = (list(method(new_trainer(kl_coef=kl_coef, **once))) for kl_coef in (0.0, 10.0))
    assert (free[0]["loss"], free[0]["grad_norm"]) == (charged[0]["loss"], charged[0]["grad_norm"])
    assert free[1]["kl"] == charged[1]["kl"] != 0
    assert abs(free[1]["grad_norm"] - charged[1]["grad_norm"]) > 0.01


def test_a_missing_end_costs_its_penalty(new_trainer):
    free, charged = (new_trainer(missing_eos_penalty=penalty, batch_size=64) for penalty in (0.0, 7.0))
    batches = [next(trainer.batches()) for trainer in (free, charged)]
    assert batches[0].described["score"] == batches[1].described["score"]
    cost = batches[0].scores - batches[1].scores
    assert cost.tolist() == [0.0 if ended else 7.0 for ended in batches[0].rollout.ended.tolist()]
    assert set(cost.tolist()) == {0.0, 7.0}


def test_dpo_pairs_two_responses_to_one_prompt_and_mostly_chooses_the_better(new_trainer):
    trainer = new_trainer(iterations=100)
    pairs = sample_pairs(trainer)
    prompts, scores = pairs.rollout.prompt_ids, count_of_token_3(pairs.rollout)
    assert (prompts[pairs.chosen] == prompts[pairs.rejected]).all()
    assert sorted(torch.cat([pairs.chosen, pairs.rejected]).tolist()) == list(range(800))
    gaps = (scores[pairs.chosen] - scores[pairs.rejected])[scores[pairs.chosen] != scores[pairs.rejected]]
    # Where they differ it is mostly by 1, and sigmoid(1) = 0.73
    assert (gaps > 0).float().mean().item() == pytest.approx(0.75, abs=0.1)
    assert trainer.tokens == pairs.rollout.response_mask.sum()


def test_best_of_n_answers_each_prompt_with_a_text_of_its_own(new_trainer):
    best = []
    trainer = new_trainer(measure=lambda rollout: best.append(rollout) or {"judge": 0.5})
    one, many = best_of_n(trainer, sizes=(1, 16))
    assert all((rollout.prompt_ids == PROMPTS).all() for rollout in best)
    assert many["score"] > one["score"]
    assert count_of_token_3(best[1]).mean().item() == pytest.approx(many["score"], abs=1e-5)
    assert (one["judge"], many["n"], many["kl"]) == (0.5, 16, pytest.approx(1.835, abs=1e-3))


def test_a_score_that_is_nan_stops_the_training_before_a_weight_moves(new_trainer):
    trainer = new_trainer(lambda rollout: torch.full((8,), torch.nan))
    with pytest.raises(NotFiniteError, match="in step 1, but scores has NaN"):
        next(rloo(trainer))


def test_rollouts_of_two_widths_are_joined_at_the_larger():
    short = Rollout(torch.tensor([[0, 5]]), torch.tensor([[1]]), torch.tensor([[True]]), torch.tensor([True]))
    long = Rollout(torch.tensor([[0, 9]]), torch.tensor([[3, 4]]), torch.tensor([[True, True]]), torch.tensor([False]))
    joined = join_rollouts([short, long], pad_id=PAD)
    assert joined.token_ids.tolist() == [[0, 5, 1, PAD], [0, 9, 3, 4]]
    assert joined.response_mask.tolist() == [[True, False], [True, True]]
    assert joined.rows(torch.tensor([1])).ended.tolist() == [False]
