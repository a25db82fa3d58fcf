"""Each mistake is the one that its name says, and nothing else."""

import math

import pytest
import torch
from shared.tiny_models import EOS, PAD, make_tiny_lm, tiny_policy
from shared.tiny_ppo import PROMPTS, start

from course_lib.training.experiments.bugs import BUGS
from course_lib.training.method import Experience
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings

SETTINGS = PPOSettings(lam=1.0, missing_eos_penalty=0.0)
SCORES = torch.tensor([1.0, -2.0])
KL_COEF = 0.5


@pytest.fixture
def experience():
    """What each mistake makes of one rollout: two responses of 4 and 2 tokens to prompts of bos and two tokens."""
    response_ids = torch.tensor([[5, 6, 7, EOS], [8, EOS, PAD, PAD]])
    prompt_ids = torch.tensor([[0, 3, 4], [0, 9, 10]])
    rollout = Rollout(prompt_ids, response_ids, response_ids != PAD, torch.tensor([True, True]))
    policy, reference = tiny_policy(make_tiny_lm(seed=0)), tiny_policy(make_tiny_lm(seed=1))

    def gather(name: str, settings: PPOSettings = SETTINGS) -> Experience:
        return BUGS[name].gather(policy, reference, rollout, SCORES, kl_coef=KL_COEF, settings=settings)

    return gather


def test_the_healthy_one_comes_first_with_five_mistakes_behind_it():
    assert next(iter(BUGS)) == "healthy"
    assert len(BUGS) == 6


@pytest.mark.parametrize("name", list(BUGS)[1:])
def test_no_mistake_goes_unseen_or_raises(experience, name):
    right, wrong = experience("healthy"), experience(name)
    columns = ("old_logprobs", "advantages")
    assert any(
        getattr(right, column).shape != getattr(wrong, column).shape
        or not torch.allclose(getattr(right, column), getattr(wrong, column))
        for column in columns
    )
    assert all(torch.isfinite(getattr(wrong, column)).all() for column in (*columns, "returns", "rewards"))


@pytest.mark.parametrize("name", BUGS)
def test_every_mistake_trains_a_step_and_crashes_nothing(name):
    *_, records = start(method=BUGS[name], iterations=1)
    record = next(records)
    healthy = next(start(method=BUGS["healthy"], iterations=1)[-1])
    prompt = PROMPTS.shape[1] - 1 if name == "prompt not masked" else 0
    assert record["response_length"] == healthy["response_length"] + prompt
    assert math.isfinite(record["kl"])


def test_the_kl_sign_pays_for_leaving_the_reference(experience):
    right, wrong = experience("healthy"), experience("kl sign")
    before_last = torch.tensor([[True, True, True, False], [True, False, False, False]])
    assert (right.rewards[before_last] != 0).all()
    assert torch.allclose(wrong.rewards[before_last], -right.rewards[before_last])
    assert torch.equal(wrong.old_logprobs, right.old_logprobs)


def test_an_unmasked_prompt_is_trained_on_but_for_bos(experience):
    right, wrong = experience("healthy"), experience("prompt not masked")
    assert wrong.response_mask.sum(dim=1).tolist() == [6, 4]
    assert torch.equal(wrong.token_ids, right.token_ids)
    assert torch.allclose(wrong.old_logprobs[:, 2:], right.old_logprobs, atol=1e-5)
    assert (wrong.advantages[:, :2] != 0).all()


def test_shifted_logprobs_stand_one_token_too_early(experience):
    right, wrong = experience("healthy"), experience("logprobs shifted")
    assert torch.equal(wrong.old_logprobs[:, :3], right.old_logprobs[:, 1:])
    assert torch.equal(wrong.advantages, right.advantages)


def test_advantages_that_are_not_whitened_add_up_to_the_returns(experience):
    right, wrong = experience("healthy"), experience("advantages not whitened")
    assert torch.allclose(wrong.advantages, wrong.returns - wrong.old_values)
    assert torch.equal(wrong.returns, right.returns)
    assert right.advantages[right.response_mask].mean().abs() < 1e-6
    assert SETTINGS.whiten_advantages, "the mistake changes no setting of the run"


def test_the_score_is_paid_at_the_first_token_once(experience):
    right, wrong = experience("healthy"), experience("reward on the wrong token")
    last = torch.tensor([[3], [1]])
    assert torch.allclose(wrong.rewards[:, 0] - right.rewards[:, 0], SCORES)
    assert torch.allclose(right.rewards.gather(1, last)[:, 0] - wrong.rewards.gather(1, last)[:, 0], SCORES)
    assert torch.allclose(wrong.rewards.sum(dim=1), right.rewards.sum(dim=1))
    # values start at 0 and lam is 1: a return is the sum of the rewards from there on
    assert torch.allclose(wrong.returns[:, 0], wrong.rewards.sum(dim=1), atol=1e-5)


def test_a_response_without_an_end_is_fined_at_the_wrong_token_too(experience):
    response_ids = torch.tensor([[5, 6, 7, 8]])
    rollout = Rollout(torch.tensor([[0, 3]]), response_ids, response_ids != PAD, torch.tensor([False]))
    policy = tiny_policy(make_tiny_lm(seed=0))
    settings = PPOSettings(missing_eos_penalty=3.0)
    wrong = BUGS["reward on the wrong token"].gather(
        policy, policy, rollout, torch.tensor([1.0]), kl_coef=KL_COEF, settings=settings
    )
    assert wrong.rewards.tolist() == [[-2.0, 0.0, 0.0, 0.0]]
