"""What the tests share: tiny models, one thread, no network."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a network

import pytest
import torch
from shared.tiny_models import make_tiny_lm, save_tiny_lm, save_tiny_reward_model
from transformers import GPT2LMHeadModel

torch.set_num_threads(1)


@pytest.fixture
def tiny_lm() -> GPT2LMHeadModel:
    return make_tiny_lm()


@pytest.fixture
def checkpoint(tmp_path):
    return save_tiny_lm(tmp_path / "lm")


@pytest.fixture
def reward_checkpoint(checkpoint, tmp_path):
    return save_tiny_reward_model(tmp_path / "reward", checkpoint)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> dict:
    """Settings of a run of a second, on tiny models that can read whole reviews, byte by byte."""
    folder = tmp_path_factory.mktemp("models")
    lm = save_tiny_lm(folder / "lm", context=512)
    models = {"model": str(lm), "reward_model": str(save_tiny_reward_model(folder / "reward", lm))}
    return models | {"iterations": 3, "batch_size": 8, "response_len": 6, "evaluation_prompts": 8}
