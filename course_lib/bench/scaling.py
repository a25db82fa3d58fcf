"""How the time of a PPO iteration grows with the batch, the length of the responses and the width of the model."""

import copy
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.policy import Policy
from course_lib.training.ppo import train
from course_lib.training.settings import PPOSettings

REPEATS = 3
PROMPT_LENGTH = 5
SIZES = {"batch": (16, 32, 64, 128), "response length": (8, 16, 32, 64), "width": (112, 224, 448, 896)}
FIXED = {"batch": 64, "response length": 24, "width": 224}
POINTS = sum(map(len, SIZES.values()))
FIXED_BY_WIDTH = FIXED | {"batch": 16}  # the widest model takes long


def measure_scaling(progress: Callable[[], object] = lambda: None) -> dict[str, dict]:
    """Seconds per iteration over each size, the others fixed, and the exponents fitted; `progress` after each point."""
    figures = {}
    for varied, sizes in SIZES.items():
        fixed = FIXED_BY_WIDTH if varied == "width" else FIXED
        seconds = []
        for size in sizes:
            seconds.append(seconds_per_iteration(fixed | {varied: size}))
            progress()
        fixed = {name: size for name, size in fixed.items() if name != varied}
        figures[varied] = {"sizes": sizes, "seconds": seconds, "exponent": exponent(sizes, seconds), "fixed": fixed}
    return figures


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """The p of seconds = c * size^p, fitted by least squares on a log-log scale."""
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def seconds_per_iteration(sizes: dict[str, int]) -> float:
    """The median over some iterations, without a reward model, of responses that never end before their full length."""
    lm = random_gpt2(sizes["width"])
    settings = PPOSettings(iterations=REPEATS, batch_size=sizes["batch"], response_len=sizes["response length"])
    ids = {"eos_id": -1, "pad_id": lm.config.pad_token_id}  # no token has the id -1
    records = train(
        Policy(lm, **ids),
        Policy(copy.deepcopy(lm), **ids).requires_grad_(False),
        torch.full((sizes["batch"], PROMPT_LENGTH), lm.config.bos_token_id),
        score=lambda rollout: torch.zeros(len(rollout.prompt_ids)),
        settings=settings,
    )
    times = [time.perf_counter(), *(time.perf_counter() for _ in records)]
    return median(later - earlier for earlier, later in pairwise(times))


def random_gpt2(width: int) -> GPT2LMHeadModel:
    """A GPT-2 with the depth, the heads and the vocabulary of the shipped one, and random weights."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config.from_pretrained(TINY_GPT2, n_embd=width)).eval()
