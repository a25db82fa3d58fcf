"""Reward models: the lesson's small network on frozen features, and a GPT-2 that reads the text itself."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, GPT2ForSequenceClassification, PreTrainedConfig
from transformers import PreTrainedTokenizerBase as Tokenizer

from course_lib.training.files.errors import CourseError
from course_lib.training.files.measured import is_measurement
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.language_model import (
    disable_dropout,
    hidden_states,
    load_language_model,
    load_pretrained,
    load_tokenizer,
)
from course_lib.training.special_tokens import frame_texts


class MLPRewardModel(nn.Module):
    """The lesson's sketch: Linear(width -> 128), ReLU, Linear(128 -> 1) on what a frozen language model saw."""

    def __init__(self, width: int = 768, *, hidden: int = 128):
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.head = nn.Linear(hidden, 1)

    def forward(self, features: Float[Tensor, "texts width"]) -> Float[Tensor, " texts"]:
        """One score for each text."""
        return self.head(torch.relu(self.hidden(features)))[:, 0]


class RewardModel(nn.Module):
    """A GPT-2 that reads bos + text + eos and scores it at eos: score = gain * (head . hidden state) + bias.

    `gain` and `bias` set the scale once the model is trained; they are saved in config.json, as `score_gain` and
    `score_bias`. Dropout is off. Source: Ziegler et al. 2019, section 2.2 (arXiv:1909.08593).
    """

    def __init__(self, lm: GPT2ForSequenceClassification, tokenizer: Tokenizer):
        super().__init__()
        self.lm = lm
        self.tokenizer = tokenizer
        self.gain = getattr(lm.config, "score_gain", 1.0)
        self.bias = getattr(lm.config, "score_bias", 0.0)
        disable_dropout(self)

    def encode(self, texts: Sequence[str]) -> Int[Tensor, "texts length"]:
        """Turn texts into bos + tokens + eos, padded on the right; what exceeds the context is cut off before eos."""
        room = self.lm.config.max_position_embeddings - 2
        # a text that spells out a special token stays text
        options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        rows = self.tokenizer(list(texts), **options)["input_ids"] if texts else []
        rows = [[self.tokenizer.bos_token_id, *row[:room], self.tokenizer.eos_token_id] for row in rows]
        length = max(map(len, rows), default=0)
        padding = self.lm.config.pad_token_id
        padded = [row + [padding] * (length - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.long, device=self.lm.device).reshape(len(rows), length)

    def forward(self, token_ids: Int[Tensor, "texts length"]) -> Float[Tensor, " texts"]:
        """One score for each text, before gain and bias: what training works on."""
        return self.running_scores(token_ids).gather(1, self.lengths(token_ids)[:, None] - 1)[:, 0]

    def running_scores(self, token_ids: Int[Tensor, "texts length"]) -> Float[Tensor, "texts length"]:
        """The score after each token, before gain and bias; at eos it is the score of the text, at padding it is 0."""
        states = hidden_states(self.lm.transformer, token_ids, self.lengths(token_ids))
        return self.lm.score(states)[..., 0] * (token_ids != self.lm.config.pad_token_id)

    def lengths(self, token_ids: Int[Tensor, "texts length"]) -> Int[Tensor, " texts"]:
        """The number of tokens of each text, bos and eos included."""
        return (token_ids != self.lm.config.pad_token_id).sum(dim=1)

    @torch.no_grad()
    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text, on the scale that gain and bias set."""
        return self.gain * self(self.encode(texts)) + self.bias

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as a Hugging Face checkpoint, which AutoModelForSequenceClassification loads.

        The saved tokenizer puts bos and eos around a text by itself.
        """
        self.lm.config.score_gain, self.lm.config.score_bias = self.gain, self.bias
        self.lm.save_pretrained(folder)
        frame_texts(self.tokenizer, eos=True)
        self.tokenizer.save_pretrained(folder)


def new_reward_model(
    name: str | Path, *, generator: torch.Generator, device: str | torch.device = "cpu"
) -> RewardModel:
    """Put a scalar head, drawn from N(0, 1 / sqrt(width + 1)), on a pretrained GPT-2: a folder or a hub name.

    The standard deviation is OpenAI's (lm-human-preferences, model.py). Raises CourseError where there is no GPT-2.
    """
    language_model, tokenizer = load_language_model(name)
    config = language_model.config
    if config.model_type != "gpt2":
        raise CourseError(f"Expected a GPT-2 in {name}, but it is a {config.model_type}; name a GPT-2.")
    config.num_labels = 1
    if tokenizer.pad_token_id == tokenizer.eos_token_id:
        # the hub's GPT-2 has no padding token, and padding must differ from eos; any other token will do
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    config.pad_token_id = tokenizer.pad_token_id
    classifier = GPT2ForSequenceClassification(config)
    classifier.transformer.load_state_dict(language_model.transformer.state_dict())
    nn.init.normal_(classifier.score.weight, std=(config.hidden_size + 1) ** -0.5, generator=generator)
    return RewardModel(classifier.to(device), tokenizer)


def load_reward_model(name: str | Path, *, device: str | torch.device = "cpu") -> RewardModel:
    """Load a GPT-2 with a scalar head, and its tokenizer: a folder or a hub name, ready to score.

    Raises CourseError where there is no such model, it is a model of another kind, or it is damaged.
    """
    config = load_pretrained(AutoConfig, name)
    if config.model_type != "gpt2" or config.num_labels != 1:
        kind = f"{config.model_type} with {config.num_labels} labels"
        raise CourseError(
            f"Expected a GPT-2 reward model with one score in {name}, but it is a {kind}; name a reward model."
        )
    classifier = load_pretrained(AutoModelForSequenceClassification, name)
    tokenizer = load_tokenizer(name, vocab_size=config.vocab_size)
    _check_scale(config, name)
    if tokenizer.pad_token_id != config.pad_token_id or config.pad_token_id in (None, tokenizer.eos_token_id):
        raise CourseError(
            f"Expected one padding token, other than eos, in config.json and tokenizer of {name}, but they have "
            f"{config.pad_token_id} and {tokenizer.pad_token_id}; restore the folder."
        )
    return RewardModel(classifier.to(device).eval(), tokenizer)


@cache
def crowd_model() -> RewardModel:
    """The shipped reward model, learned from everybody's ratings; loaded once."""
    return load_reward_model(REWARD_MODEL)


def _check_scale(config: PreTrainedConfig, name: str | Path) -> None:
    """Refuse a gain and bias that are no scale; a model from elsewhere has neither."""
    scale = {field: getattr(config, field) for field in ("score_gain", "score_bias") if hasattr(config, field)}
    are_numbers = all(is_measurement(field, number) for field, number in scale.items())
    if scale and not (are_numbers and len(scale) == 2 and scale["score_gain"] > 0):
        raise CourseError(
            f"Expected finite numbers as score_gain, above 0, and score_bias in config.json of {name}, but they are "
            f"{scale!r:.80}; restore the folder."
        )
