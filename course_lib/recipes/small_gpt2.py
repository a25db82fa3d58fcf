"""The small GPT-2: its size, its optimizers, and how well it predicts a text."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from course_lib.recipes.tokenizer import CONTEXT, VOCABULARY

Rows = list[list[int]]  # one text each: bos, tokens, eos
EOS_ID, PAD_ID = 1, 2


@dataclass(frozen=True)
class Settings:
    """The model's size and how it is trained."""

    layers: int = 4
    width: int = 224
    heads: int = 7
    vocabulary: int = VOCABULARY
    batch_tokens: int = 3072  # padding included
    block_rows: int = 2048  # rows sorted by length together
    muon_rate: float = 0.006
    adamw_rate: float = 0.004
    warmup_steps: int = 50
    bfloat16: bool = True
    seed: int = 0


def new_model(settings: Settings) -> nn.Module:
    """Create GPT-2 with random weights; the activation is GPT-2's own, in torch's fused form."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(settings.seed)
    dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    tokens = {"bos_token_id": 0, "eos_token_id": EOS_ID, "pad_token_id": PAD_ID}
    size = {"n_layer": settings.layers, "n_embd": settings.width, "n_head": settings.heads, "n_positions": CONTEXT}
    config = GPT2Config(
        vocab_size=settings.vocabulary, activation_function="gelu_pytorch_tanh", **size, **tokens, **dropout
    )
    model = GPT2LMHeadModel(config)
    model.set_attn_implementation("eager")  # on a CPU, for rows this short, training is 1.6 times as fast as with sdpa
    return model


def new_optimizers(model: nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the layers' matrices, AdamW for embeddings, norms and biases."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".h." in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or ".h." not in name]
    muon = torch.optim.Muon(matrices, lr=settings.muon_rate, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(others, lr=settings.adamw_rate, betas=(0.9, 0.98), weight_decay=0.0)]


def encode(tokenizer: object, texts: list[str]) -> Rows:
    """Turn texts into bos (which the tokenizer adds) + tokens + eos."""
    return [[*row, EOS_ID] for row in tokenizer(texts)["input_ids"]]


def pad_rows(rows: Rows) -> Int[Tensor, "batch length"]:
    """Put rows of token ids into one tensor, padded on the right."""
    length = max(map(len, rows))
    return torch.tensor([row + [PAD_ID] * (length - len(row)) for row in rows])


def token_nats(model: nn.Module, ids: Int[Tensor, "batch length"], *, bfloat16: bool = False) -> Float[Tensor, " real"]:
    """Return the negative log-likelihood of every token after bos, padding left out, in nats."""
    inputs, targets = ids[:, :-1], ids[:, 1:]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        hidden = model.transformer(inputs, use_cache=False).last_hidden_state  # padding is on the right: no mask needed
        real = targets != PAD_ID
        logits = model.lm_head(hidden[real])
    return F.cross_entropy(logits.float(), targets[real], reduction="none")


@torch.no_grad()
def bits_per_byte(model: nn.Module, tokenizer: object, texts: list[str], *, batch_size: int = 64) -> float:
    """Measure bits per byte: the code length of the texts, each with its end, over their length in UTF-8.

    Bits per byte, unlike the loss per token, compare models with different tokenizers. Expects texts that fit the
    model's context.
    """
    rows = sorted(encode(tokenizer, texts), key=len)
    model.eval()
    nats = sum(token_nats(model, pad_rows(rows[i : i + batch_size])).sum() for i in range(0, len(rows), batch_size))
    return float(nats) / math.log(2) / sum(len(text.encode()) for text in texts)


def fitting(rows: Rows) -> Rows:
    """Leave out the rows that are longer than the context."""
    return [row for row in rows if len(row) <= CONTEXT]
