"""How much of the machine's own rate a training uses: useful arithmetic over the rate of matrix products."""

import time

import torch

MATRIX_SIZE = 2048
FORWARD, FORWARD_AND_BACKWARD = 2, 6  # floating-point operations for each parameter and token


def matrix_product_rate(
    *, device: str = "cpu", dtype: torch.dtype = torch.float32, size: int = MATRIX_SIZE, repeats: int = 3
) -> float:
    """Floating-point operations a second of the fastest of some products of two size x size matrices."""
    left, right = torch.rand(2, size, size, device=device, dtype=dtype)
    seconds = []
    for _ in range(repeats + 1):  # the first one warms up, and is hardly the fastest
        began = time.perf_counter()
        (left @ right)[0, 0].item()  # which waits for a GPU
        seconds.append(time.perf_counter() - began)
    return 2 * size**3 / min(seconds)


def useful_arithmetic(parameters: dict[str, int], tokens: float, *, epochs: int) -> float:
    """Floating-point operations that one PPO iteration needs for its real tokens, padding not counted.

    `parameters` counts the numbers of `lm`, which samples and is the reference too, of `policy`, which has the value
    head and the value network besides, and of `reward_model`. Tokens are those of prompts and responses.
    Source: Kaplan et al. 2020, section 2.1 (arXiv:2001.08361).
    """
    sampled_or_scored = 2 * parameters["lm"] + parameters["policy"] + parameters["reward_model"]
    trained = epochs * parameters["policy"]
    return tokens * (FORWARD * sampled_or_scored + FORWARD_AND_BACKWARD * trained)
