"""Between tokens and texts: what a scorer reads of a rollout."""

import torch
from shared.tiny_models import byte_tokenizer

from course_lib.training.rollout import Rollout
from course_lib.training.scorer import Scorer


class Nothing:
    gain, bias = 1.0, 0.0

    def score(self, texts):
        return torch.zeros(len(texts))


def test_a_word_that_pads_elsewhere_stays_a_word():
    tokenizer = byte_tokenizer()
    bos, eos, a, mark = (tokenizer.convert_tokens_to_ids(token) for token in ("<|bos|>", "<|eos|>", "a", "!"))
    tokenizer.pad_token = "!"
    ids = torch.tensor([[mark, eos, mark, mark], [a, mark, a, eos]])
    mask = torch.tensor([[True, True, False, False], [True, True, True, True]])
    rollout = Rollout(torch.tensor([[bos, a], [bos, mark]]), ids, mask, torch.tensor([True, True]))
    assert Scorer(tokenizer, Nothing()).texts(rollout) == ["a!", "!a!a"]
