"""A GPT-2 so small that a forward pass takes a millisecond, a tokenizer of bytes, and folders of such models."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from course_lib.training.policy import Policy
from course_lib.training.reward_model import new_reward_model

EOS, PAD = 1, 2


def make_tiny_lm(*, seed: int = 0, vocab_size: int = 24, context: int = 32, dropout: float = 0.1) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocab_size,
        n_positions=context,
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


def tiny_policy(lm: GPT2LMHeadModel | None = None, *, pad_id: int = PAD, **options) -> Policy:
    """A policy on a tiny GPT-2, one with seed 0 unless it is given."""
    return Policy(lm or make_tiny_lm(), eos_id=EOS, pad_id=pad_id, **options)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """Every byte is a token, behind the special ones."""
    special = ["<|bos|>", "<|eos|>", "<|pad|>"]
    vocabulary = {token: i for i, token in enumerate(special + sorted(pre_tokenizers.ByteLevel.alphabet()))}
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=special[0], eos_token=special[1], pad_token=special[2]
    )


def hub_tokenizer() -> PreTrainedTokenizerFast:
    """Every byte is a token, laid out as on the hub's GPT-2: id 0 is "!", the last is bos and eos, none pads."""
    vocabulary = {token: i for i, token in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    core = Tokenizer(models.BPE(vocab=vocabulary | {"<|endoftext|>": len(vocabulary)}, merges=[]))
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<|endoftext|>", eos_token="<|endoftext|>")


def save_tiny_lm(folder: Path, *, context: int = 48) -> Path:
    """A folder with a tiny causal GPT-2 over bytes and its tokenizer."""
    make_tiny_lm(vocab_size=259, context=context).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


def save_tiny_reward_model(folder: Path, checkpoint: Path) -> Path:
    """A folder with an untrained reward model."""
    new_reward_model(checkpoint, generator=torch.Generator().manual_seed(0)).save(folder)
    return folder
