"""What the tests share: a GPT-2 so small that a forward pass takes a millisecond."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

torch.set_num_threads(1)

EOS, PAD = 1, 2


def make_tiny_lm(*, seed: int = 0, vocab_size: int = 24, dropout: float = 0.1) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=32,
        n_embd=16,
        n_layer=2,
        n_head=2,
        initializer_range=0.5,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=0,
        eos_token_id=EOS,
        pad_token_id=PAD,
    )
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def tiny_lm() -> GPT2LMHeadModel:
    return make_tiny_lm()
