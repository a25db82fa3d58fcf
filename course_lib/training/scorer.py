"""Between the policy, which writes tokens, and the reward model, which reads texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from course_lib.equations.preferences import gain_and_bias
from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import RatedSentence
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout
from course_lib.training.texts import describe_texts

REFERENCE_SAMPLES = 256  # on which scores are normalised, as in Ziegler et al. 2019


@runtime_checkable
class TextScorer(Protocol):
    """A RewardModel, or what stands in for one: it scores texts, on a scale that gain and bias set."""

    gain: float
    bias: float

    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text."""


@dataclass
class Scorer:
    """Reads what a policy wrote as text, and scores it with the reward model.

    Text is what the two share: the policy's tokenizer need not be the reward model's.
    """

    tokenizer: PreTrainedTokenizerBase
    reward_model: TextScorer

    def texts(self, rollout: Rollout) -> list[str]:
        """Prompt and response of every row as one text; a word that is a padding token elsewhere stays a word."""
        prompt = torch.ones_like(rollout.prompt_ids, dtype=torch.bool)
        real = torch.cat([prompt, rollout.response_mask], dim=1)
        for mark in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            real &= rollout.token_ids != mark
        return self.tokenizer.batch_decode(
            [ids[kept].tolist() for ids, kept in zip(rollout.token_ids, real, strict=True)]
        )

    def score(self, rollout: Rollout) -> Float[Tensor, " batch"]:
        """The reward model's score of every row."""
        return self.reward_model.score(self.texts(rollout)).to(rollout.ended.device)

    def measure(self, rollout: Rollout) -> Record:
        """The independent judge and the signs of degradation, for PPO's record."""
        return describe_texts(self.texts(rollout))

    def normalise_on(self, rollout: Rollout) -> None:
        """Set gain and bias so that these texts score 0 on average, with a standard deviation of 1.

        Raises:
            CourseError: the reward model gives all of them the same score, or one that is not finite.
        """
        self.reward_model.gain, self.reward_model.bias = 1.0, 0.0
        try:
            self.reward_model.gain, self.reward_model.bias = gain_and_bias(self.score(rollout))
        except ValueError as error:
            raise CourseError(f"Expected a reward model that tells texts apart, but {error}; train another.") from None


def review_prompts(
    sentences: list[RatedSentence], tokenizer: PreTrainedTokenizerBase, *, prompt_len: int
) -> Int[Tensor, "prompts prompt_len_with_bos"]:
    """The first tokens of every review that is longer than that, each behind the beginning-of-text token."""
    rows = tokenizer([sentence.text for sentence in sentences], add_special_tokens=False)["input_ids"]
    prompts = [[tokenizer.bos_token_id, *row[:prompt_len]] for row in rows if len(row) > prompt_len]
    if not prompts:
        raise CourseError(f"Expected reviews longer than a prompt of {prompt_len} tokens, found none; lower it.")
    return torch.tensor(prompts)
