"""How likely a language model finds a sentence."""

import torch
from torch import nn
from transformers import PreTrainedTokenizerBase

from course_lib.equations.logprobs import token_logprobs


@torch.no_grad()
def mean_logprob(lm: nn.Module, tokenizer: PreTrainedTokenizerBase, text: str) -> float:
    """Average log-probability of a text's tokens, in nats; the end-of-text token is one of them."""
    row = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    token_ids = torch.tensor([[tokenizer.bos_token_id, *row, tokenizer.eos_token_id]])
    logits = lm(input_ids=token_ids, attention_mask=torch.ones_like(token_ids)).logits
    return token_logprobs(logits[:, :-1], token_ids[:, 1:]).mean().item()
