"""PPO's relatives on a tiny GPT-2: which texts are compared with which, and what is sampled when."""

import copy

import pytest
import torch
from shared.tiny_models import PAD, tiny_policy

from course_lib.training.files.errors import CourseError, NotFiniteError
from course_lib.training.ppo import train
from course_lib.training.progress import Progress
from course_lib.training.relatives.best_of_n import best_of_n
from course_lib.training.relatives.dpo import DPO, dpo, sample_pairs
from course_lib.training.relatives.on_policy import GRPO, REINFORCE, RLOO, DrGRPO
from course_lib.training.rollout import Rollout, join_rollouts
from course_lib.training.settings import PPOSettings

PROMPTS = torch.tensor([[0, 5], [0, 9], [0, 20]])
SETTINGS = {"iterations": 2, "batch_size": 8, "response_len": 6, "kl_coef": 0.0, "missing_eos_penalty": 0.0}


def liking_for_the_prompt(rollout):
    """A score that the response has no part in."""
    return rollout.prompt_ids[:, 1].float()


def count_of_token_3(rollout):
    return ((rollout.response_ids == 3) & rollout.response_mask).sum(dim=1).float()


class Training:
    """A policy and its reference, and the records of a method that trains it."""

    def __init__(self, lm, method, score=count_of_token_3, **changes):
        self.policy, self.reference = tiny_policy(copy.deepcopy(lm)), tiny_policy(copy.deepcopy(lm))
        self.reference.requires_grad_(False)
        self.settings, self.method = PPOSettings(**SETTINGS | changes), method
        loop = dpo if isinstance(method, DPO) else train
        self.records = loop(self.policy, self.reference, PROMPTS, score, settings=self.settings, method=method)


def test_a_prompt_that_scores_high_earns_its_texts_nothing_under_rloo_and_grpo(tiny_lm):
    of_method = {
        method: next(Training(tiny_lm, method(), liking_for_the_prompt).records)["grad_norm"]
        for method in (REINFORCE, RLOO, GRPO, DrGRPO)
    }
    assert of_method[REINFORCE] > 0.1
    assert of_method[RLOO] < 1e-5
    assert of_method[GRPO] < 1e-5
    assert of_method[DrGRPO] < 1e-5


@pytest.mark.parametrize("method", [REINFORCE, RLOO, GRPO, DrGRPO, DPO])
def test_only_the_policy_changes(method, tiny_lm):
    training = Training(tiny_lm, method(), kl_coef=0.5)
    policy, reference = copy.deepcopy(training.policy.state_dict()), copy.deepcopy(training.reference.state_dict())
    records = list(training.records)
    assert [(record["step"], record["learning_rate"]) for record in records] == [(1, 4e-4), (2, 2e-4)]
    assert any((policy[name] != weight).any() for name, weight in training.policy.state_dict().items())
    assert all((reference[name] == weight).all() for name, weight in training.reference.state_dict().items())


@pytest.mark.parametrize("method", [REINFORCE, RLOO, GRPO, DrGRPO])
def test_kl_costs_nothing_while_the_policy_is_the_reference_and_something_later(method, tiny_lm):
    once = {"epochs": 1, "minibatches": 1, "learning_rate": 0.01}
    free, charged = (list(Training(tiny_lm, method(), kl_coef=kl_coef, **once).records) for kl_coef in (0.0, 10.0))
    assert (free[0]["loss"], free[0]["grad_norm"]) == (charged[0]["loss"], charged[0]["grad_norm"])
    assert free[1]["kl"] == charged[1]["kl"] != 0
    assert abs(free[1]["grad_norm"] - charged[1]["grad_norm"]) > 0.01


@pytest.mark.parametrize("method", [REINFORCE(), RLOO(), GRPO(), DrGRPO()])
def test_a_missing_end_costs_its_penalty(method, tiny_lm):
    ids, ended = torch.tensor([[3, 1], [3, 4], [5, 6], [7, 1]]), torch.tensor([True, False, False, True])
    rollout = Rollout(torch.zeros(4, 1, dtype=torch.long), ids, torch.ones(4, 2, dtype=torch.bool), ended)
    policy, scores = tiny_policy(tiny_lm), torch.tensor([1.0, 2.0, 3.0, 4.0])
    free, charged = (
        method.gather(policy, policy, rollout, scores, kl_coef=0.0, settings=PPOSettings(missing_eos_penalty=penalty))
        for penalty in (0.0, 7.0)
    )
    assert (free.returns - charged.returns).tolist() == [0.0, 7.0, 7.0, 0.0]


def test_dr_grpo_divides_neither_by_the_spread_nor_by_the_length(tiny_lm):
    ids = torch.tensor([[3, 4], [3, 1], [5, 6], [7, 1]])
    rollout = Rollout(torch.zeros(4, 1, dtype=torch.long), ids, torch.ones(4, 2, dtype=torch.bool), torch.ones(4) > 0)
    policy, settings = tiny_policy(tiny_lm), PPOSettings(**SETTINGS)
    scores = torch.tensor([8.0, 0.0, 0.0, 0.0])
    gathered = DrGRPO().gather(policy, policy, rollout, scores, kl_coef=0.0, settings=settings)
    assert gathered.advantages.tolist() == [6.0, -2.0, -2.0, -2.0]
    new = DrGRPO().read(policy, rollout, temperature=0.7)
    gathered.response_mask[0, 1] = False
    loss, _ = DrGRPO().loss(new, gathered, settings=settings, kl_coef=0.0)
    # six or two tokens each: -(6 - 3 * 2 * 2) / (4 texts * 6 tokens at most), the ratio being about 1
    assert loss.item() == pytest.approx(0.25, abs=1e-4)


def test_as_many_responses_as_asked_go_to_each_prompt(tiny_lm):
    groups = []

    def score(rollout):
        groups.append(rollout.prompt_ids[:, 1].view(-1, 2))
        return torch.arange(8.0)

    next(Training(tiny_lm, RLOO(responses=2), score).records)
    assert (groups[0][:, 0] == groups[0][:, 1]).all()


def test_dpo_in_the_loop_of_the_others_is_one_sentence(tiny_lm):
    policy = tiny_policy(tiny_lm)
    records = train(policy, policy, PROMPTS, count_of_token_3, settings=PPOSettings(**SETTINGS), method=DPO())
    with pytest.raises(CourseError, match=r"call dpo\(\.\.\.\)"):
        next(records)


def test_a_batch_that_its_groups_do_not_divide_is_refused(tiny_lm):
    with pytest.raises(CourseError, match="4 responses to each prompt and 1 processes divide, but it is 6"):
        next(Training(tiny_lm, RLOO(), batch_size=6).records)


def test_dpo_pairs_two_responses_to_one_prompt_and_mostly_chooses_the_better(tiny_lm):
    training = Training(tiny_lm, DPO(), iterations=100)
    progress = Progress.start(training.policy, training.settings)
    options = {"settings": training.settings, "method": training.method, "progress": progress}
    pairs = sample_pairs(training.reference, PROMPTS, count_of_token_3, **options)
    prompts, scores = pairs.rollout.prompt_ids, count_of_token_3(pairs.rollout)
    assert (prompts[pairs.chosen] == prompts[pairs.rejected]).all()
    assert sorted(torch.cat([pairs.chosen, pairs.rejected]).tolist()) == list(range(800))
    gaps = (scores[pairs.chosen] - scores[pairs.rejected])[scores[pairs.chosen] != scores[pairs.rejected]]
    # Where they differ it is mostly by 1, and sigmoid(1) = 0.73
    assert (gaps > 0).float().mean().item() == pytest.approx(0.75, abs=0.1)
    assert next(training.records)["tokens"] == pairs.rollout.response_mask.sum()


def test_best_of_n_answers_each_prompt_with_a_text_of_its_own(tiny_lm):
    reference, settings = tiny_policy(tiny_lm), PPOSettings(**SETTINGS)
    options = {"settings": settings, "generator": torch.Generator().manual_seed(0), "sizes": (1, 16)}
    (one, _), (many, best) = best_of_n(reference, PROMPTS, count_of_token_3, **options)
    assert (best.prompt_ids == PROMPTS).all()
    assert many["score"] > one["score"]
    assert count_of_token_3(best).mean().item() == pytest.approx(many["score"], abs=1e-5)
    assert (many["n"], many["kl"]) == (16, pytest.approx(1.835, abs=1e-3))


def test_a_score_that_is_nan_stops_the_training_before_a_weight_moves(tiny_lm):
    training = Training(tiny_lm, RLOO(), lambda rollout: torch.full((8,), torch.nan))
    with pytest.raises(NotFiniteError, match="in step 1, but scores has NaN"):
        next(training.records)


def test_rollouts_of_two_widths_are_joined_at_the_larger():
    short = Rollout(torch.tensor([[0, 5]]), torch.tensor([[1]]), torch.tensor([[True]]), torch.tensor([True]))
    long = Rollout(torch.tensor([[0, 9]]), torch.tensor([[3, 4]]), torch.tensor([[True, True]]), torch.tensor([False]))
    joined = join_rollouts([short, long], pad_id=PAD)
    assert joined.token_ids.tolist() == [[0, 5, 1, PAD], [0, 9, 3, 4]]
    assert joined.response_mask.tolist() == [[True, False], [True, True]]
    assert joined.rows(torch.tensor([1])).ended.tolist() == [False]
