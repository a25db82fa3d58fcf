"""PPO against the exact answer: on a language small enough to enumerate, the optimum is known in closed form."""

import torch

from course_lib.equations.optimum import optimal_policy
from course_lib.training.experiments.toy_language import (
    LENGTH,
    PROMPTS,
    ToyTask,
    text_probabilities,
    total_variation,
)
from course_lib.training.policy import pad
from course_lib.training.ppo import train
from course_lib.training.progress import Progress
from course_lib.training.settings import PPOSettings


def test_ppo_reaches_the_optimum_of_the_kl_penalised_objective():
    generator, kl_coef = torch.Generator().manual_seed(0), 0.5
    task = ToyTask.draw(generator)
    policy, reference = task.policy(), task.reference
    optimum = optimal_policy(text_probabilities(reference), task.rewards, kl_coef=kl_coef)
    assert total_variation(text_probabilities(reference), optimum) > 0.3

    settings = PPOSettings(
        iterations=100,
        epochs=2,
        batch_size=1024,
        response_len=LENGTH,
        temperature=1.0,
        learning_rate=0.03,
        kl_coef=kl_coef,
        missing_eos_penalty=0.0,
        vf_coef=1.0,
        lam=1.0,
        max_grad_norm=0.0,
        value_clip_eps=0.0,
    )
    progress = Progress.start(policy, settings, generator=generator)
    for record in train(policy, reference, PROMPTS, task.score, settings=settings, progress=progress):
        assert record["response_length"] == LENGTH
    assert total_variation(text_probabilities(policy), optimum) < 0.005


def test_pad_puts_tokens_back_in_their_rows():
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert pad(torch.tensor([1.0, 2.0, 3.0]), mask).tolist() == [[1, 2, 0], [3, 0, 0]]
