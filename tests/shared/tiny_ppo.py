"""PPO over a tiny model whose responses score one for every token 5: its prompts, its start, what it has gathered."""

import torch
from shared.tiny_models import make_tiny_lm, tiny_policy

from course_lib.training.ppo import PPO, train
from course_lib.training.progress import ALONE, Progress
from course_lib.training.rollout import sample
from course_lib.training.settings import PPOSettings

PROMPTS = torch.randint(3, 24, (40, 4), generator=torch.Generator().manual_seed(7))


def count_fives(rollout):
    return (rollout.response_ids == 5).sum(dim=1).float()


def models(seed=0):
    """A policy and its reference."""
    return tiny_policy(make_tiny_lm(seed=seed)), tiny_policy(make_tiny_lm(seed=seed)).requires_grad_(False)


def small_settings(**options):
    return PPOSettings(**({"iterations": 3, "batch_size": 16, "response_len": 8, "temperature": 1.0} | options))


def begin(policy, settings, *, seed=0, team=ALONE):
    """The progress of a training of this seed."""
    return Progress.start(policy, settings, generator=torch.Generator().manual_seed(seed), team=team)


def start(*, seed=0, score=count_fives, method=None, **options):
    """A policy, its reference, the settings, and the generator of a training's records over them."""
    (policy, reference), settings = models(seed), small_settings(**options)
    progress = begin(policy, settings, seed=seed)
    records = train(policy, reference, PROMPTS, score, settings=settings, method=method, progress=progress)
    return policy, reference, settings, records


def without_times(record):
    return {name: value for name, value in record.items() if not name.endswith("seconds")}


def draw(policy, *, batch=16, seed=3):
    generator = torch.Generator().manual_seed(seed)
    return sample(policy, PROMPTS[:batch], response_len=8, temperature=1.0, generator=generator)


def experience_of(policy, reference, settings, *, kl_coef=0.05, method=None):
    rollout = draw(policy)
    scores, method = count_fives(rollout), method or PPO()
    return rollout, method.gather(policy, reference, rollout, scores, kl_coef=kl_coef, settings=settings)


def ppo_loss(policy, experience, settings, **equations):
    """The loss and its metrics, with ours unless other equations are given."""
    method = PPO(**equations)
    new = method.read(policy, experience, temperature=settings.temperature)
    loss, parts = method.loss(new, experience, settings=settings, kl_coef=settings.kl_coef)
    return loss, parts | method.measure(new, experience, clip_eps=settings.clip_eps)
