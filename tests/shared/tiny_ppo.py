"""PPO over a tiny model whose responses score one for every token 5: its prompts, its start, what it has gathered."""

import torch
from shared.tiny_models import EOS, PAD, make_tiny_lm

from course_lib.training.experience import gather_experience
from course_lib.training.policy import Policy
from course_lib.training.ppo import ppo
from course_lib.training.rollout import sample
from course_lib.training.settings import PPOSettings

PROMPTS = torch.randint(3, 24, (40, 4), generator=torch.Generator().manual_seed(7))


def count_fives(rollout):
    return (rollout.response_ids == 5).sum(dim=1).float()


def start(*, seed=0, score=count_fives, objective=None, **options):
    """A policy, its reference and the PPO generator over them."""
    policy = Policy(make_tiny_lm(seed=seed))
    reference = Policy(make_tiny_lm(seed=seed)).requires_grad_(False)
    settings = PPOSettings(**({"iterations": 3, "batch_size": 16, "response_len": 8, "temperature": 1.0} | options))
    generator = torch.Generator().manual_seed(seed)
    plugged = {"objective": objective} if objective else {}
    records = ppo(
        policy, reference, PROMPTS, score, settings=settings, eos_id=EOS, pad_id=PAD, generator=generator, **plugged
    )
    return policy, reference, settings, records


def without_times(record):
    return {name: value for name, value in record.items() if not name.endswith("seconds")}


def draw(policy, *, batch=16, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return sample(
        policy.lm, PROMPTS[:batch], response_len=8, eos_id=EOS, pad_id=PAD, temperature=1.0, generator=generator
    )


def experience_of(policy, reference, settings, *, kl_coef=0.05):
    rollout = draw(policy)
    scores = count_fives(rollout)
    return rollout, gather_experience(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)
