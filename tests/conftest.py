"""What the tests share: tiny models, one thread, no network."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"  # no test waits for a network

import pytest
import torch
from shared.tiny_models import byte_tokenizer, make_tiny_lm
from transformers import GPT2LMHeadModel

from course_lib.training.reward_model import new_reward_model

torch.set_num_threads(1)


@pytest.fixture
def tiny_lm() -> GPT2LMHeadModel:
    return make_tiny_lm()


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with a tiny causal GPT-2 over bytes and its tokenizer."""
    make_tiny_lm(vocab_size=259, context=48).save_pretrained(tmp_path / "lm")
    byte_tokenizer().save_pretrained(tmp_path / "lm")
    return tmp_path / "lm"


@pytest.fixture
def reward_checkpoint(checkpoint, tmp_path):
    """A folder with an untrained reward model."""
    new_reward_model(checkpoint, generator=torch.Generator().manual_seed(0)).save(tmp_path / "reward")
    return tmp_path / "reward"
