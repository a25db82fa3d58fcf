"""Between the policy, which writes tokens, and the reward model, which reads texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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

REFERENCE_SAMPLES = 512  # on which scores are normalised; 256 in Ziegler et al. 2019
LEFT_TO_WRITE = 3  # words at least that a review goes on with behind its prompt


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

    Text is what the two share: the policy's tokenizer need not be the reward model's. Onlookers are named scorers that
    the policy is not to please.
    """

    tokenizer: PreTrainedTokenizerBase
    reward_model: TextScorer
    onlookers: dict[str, TextScorer] = field(default_factory=dict)

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
        """The independent judge, the signs of degradation and what the onlookers say, for PPO's record."""
        texts = self.texts(rollout)
        seen = {name: onlooker.score(texts).mean().item() for name, onlooker in self.onlookers.items()}
        return describe_texts(texts) | seen

    def normalise_on(self, rollout: Rollout) -> None:
        """Set gain and bias, of onlookers too, so that these texts score 0 on average, with a standard deviation of 1.

        Raises:
            CourseError: one gives all of them the same score, or one that is not finite.
        """
        texts = self.texts(rollout)
        for scorer in (self.reward_model, *self.onlookers.values()):
            normalise(scorer, texts)


def normalise(scorer: TextScorer, texts: Sequence[str]) -> None:
    """Set gain and bias so that these texts score 0 on average, with a standard deviation of 1."""
    scorer.gain, scorer.bias = 1.0, 0.0
    scores = scorer.score(texts)
    try:
        scorer.gain, scorer.bias = gain_and_bias(scores)
    except ValueError as error:
        name = getattr(scorer, "name", "the reward model")
        alike = len(texts) and scores.isfinite().all()
        came = f"all {len(texts)} that the policy wrote get {scores[0].item():g}" if alike else error
        raise CourseError(f"Expected {name} to tell texts apart, but {came}; take another.") from None


def review_prompts(
    sentences: list[RatedSentence], tokenizer: PreTrainedTokenizerBase, *, prompt_len: int
) -> Int[Tensor, "prompts prompt_len_with_bos"]:
    """The first tokens of each review that ends a word there and goes on, behind the beginning-of-text token.

    Their order is drawn at random, the same each time: in the file neighbours are alike, so that its first prompts
    stand for all kinds no more than its last.
    """
    texts = [sentence.text for sentence in sentences]
    encoded = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    prompts = [
        [tokenizer.bos_token_id, *token_ids[:prompt_len]]
        for text, token_ids, places in zip(texts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        if len(token_ids) > prompt_len and goes_on(text, end=places[prompt_len - 1][1], start=places[prompt_len][0])
    ]
    if not prompts:
        raise CourseError(
            f"Expected reviews that end a word after {prompt_len} tokens and go on, found none; change --prompt-len."
        )
    return torch.tensor(prompts)[torch.randperm(len(prompts), generator=torch.Generator().manual_seed(0))]


def goes_on(text: str, *, end: int, start: int) -> bool:
    """Tell whether a word ends at `end`, the next token, at `start`, begins another, and some words are left."""
    between = text[end : start + 1]  # a tokenizer may count the space in front of a word as its first letter
    return any(letter.isspace() for letter in between) and len(text[end:].split()) >= LEFT_TO_WRITE
