"""Reward models: a small network on frozen features, and a GPT-2 that reads the text itself."""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, GPT2ForSequenceClassification, PreTrainedConfig
from transformers import PreTrainedTokenizerBase as Tokenizer

from course_lib.training.files.errors import CourseError
from course_lib.training.files.measured import is_measurement
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.files.pretrained import load_pretrained, load_tokenizer
from course_lib.training.language_model import disable_dropout, frame_texts, hidden_states, load_language_model

NEW_PADDING = "<|pad|>"


class MLPRewardModel(nn.Module):
    """The network of notebook 01: Linear(width -> 128), ReLU, Linear(128 -> 1) on what a frozen language model saw."""

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
    `score_bias`. A text ends at its last eos, whatever its tokens are and the padding behind it. Dropout is off.
    Source: Ziegler et al. 2019, section 2.2 (arXiv:1909.08593).
    """

    def __init__(self, lm: GPT2ForSequenceClassification, tokenizer: Tokenizer):
        super().__init__()
        self.lm = lm
        self.tokenizer = tokenizer
        self.gain = getattr(lm.config, "score_gain", 1.0)
        self.bias = getattr(lm.config, "score_bias", 0.0)
        self.pad_id = own_padding(lm, tokenizer)
        self.has_told_of_cuts = False
        disable_dropout(self)

    def encode(self, texts: Sequence[str]) -> Int[Tensor, "texts length"]:
        """Turn texts into bos + tokens + eos, padded on the right.

        Of a text longer than the context the end is kept, as that is where two answers to one prompt differ; how many
        texts were cut is said on stderr, once.
        """
        # a text that spells out a special token stays text
        options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
        rows = self.tokenizer(list(texts), **options)["input_ids"] if texts else []
        rows = [[self.tokenizer.bos_token_id, *row, self.tokenizer.eos_token_id] for row in self.ends(rows)]
        length = max(map(len, rows), default=0)
        padded = [row + [self.pad_id] * (length - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.long, device=self.lm.device).reshape(len(rows), length)

    def ends(self, rows: list[list[int]]) -> list[list[int]]:
        """As many tokens of each row, counted from its end, as fit the context beside bos and eos."""
        context = self.lm.config.max_position_embeddings
        cut = sum(len(row) > context - 2 for row in rows)
        if cut and not self.has_told_of_cuts:
            told = f"{cut} of {len(rows)} texts are longer than the {context} tokens that the reward model reads; of"
            print(told, "such texts it reads the end alone. (This is said once.)", file=sys.stderr)
            self.has_told_of_cuts = True
        return [row[-(context - 2) :] for row in rows]

    def forward(self, token_ids: Int[Tensor, "texts length"]) -> Float[Tensor, " texts"]:
        """One score for each text, before gain and bias: what training works on."""
        return self.running_scores(token_ids).gather(1, self.lengths(token_ids)[:, None] - 1)[:, 0]

    def running_scores(self, token_ids: Int[Tensor, "texts length"]) -> Float[Tensor, "texts length"]:
        """The score after each token, before gain and bias; at eos it is the score of the text, at padding it is 0."""
        states = hidden_states(self.lm.transformer, token_ids, self.lengths(token_ids))
        return self.lm.score(states)[..., 0] * self.text_mask(token_ids)

    def lengths(self, token_ids: Int[Tensor, "texts length"]) -> Int[Tensor, " texts"]:
        """The number of tokens of each text, bos and eos included."""
        return self.text_mask(token_ids).sum(dim=1)

    def text_mask(self, token_ids: Int[Tensor, "texts length"]) -> Bool[Tensor, "texts length"]:
        """Where an eos stands at or behind the token: all of the text, and no padding."""
        return (token_ids == self.tokenizer.eos_token_id).flip(1).cumsum(dim=1).flip(1) > 0

    @torch.no_grad()
    def score(self, texts: Sequence[str]) -> Float[Tensor, " texts"]:
        """One score for each text, on the scale that gain and bias set."""
        return self.gain * self(self.encode(texts)) + self.bias

    def scaled_head(self) -> nn.Linear:
        """A copy of the head that says what `score` says: gain and bias are in its weights."""
        head = nn.Linear(self.lm.config.hidden_size, 1, device=self.lm.device)
        with torch.no_grad():
            head.weight.copy_(self.gain * self.lm.score.weight)
            head.bias.fill_(self.bias)
        return head

    def save(self, folder: Path) -> None:
        """Write model and tokenizer as a Hugging Face checkpoint, which AutoModelForSequenceClassification loads.

        The saved tokenizer puts bos and eos around a text by itself, pads behind it and cuts its beginning.
        """
        self.lm.config.score_gain, self.lm.config.score_bias = self.gain, self.bias
        self.lm.save_pretrained(folder)
        frame_texts(self.tokenizer, eos=True)
        self.tokenizer.padding_side, self.tokenizer.truncation_side = "right", "left"
        self.tokenizer.init_kwargs |= {"padding_side": "right", "truncation_side": "left"}  # else they are not saved
        self.tokenizer.save_pretrained(folder)


def own_padding(lm: GPT2ForSequenceClassification, tokenizer: Tokenizer) -> int:
    """The id of a padding token other than eos: a tokenizer without one, as the hub's GPT-2, gets a new token.

    No token of the vocabulary would do: as padding, transformers would take it out of texts before they are tokenized.
    """
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        tokenizer.add_special_tokens({"pad_token": NEW_PADDING})
        if len(tokenizer) > lm.config.vocab_size:
            lm.resize_token_embeddings(len(tokenizer), mean_resizing=False)
            nn.init.zeros_(lm.get_input_embeddings().weight[-1])
    lm.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer.pad_token_id


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
    if config.pad_token_id == tokenizer.eos_token_id:
        raise CourseError(
            f"Expected a padding token other than eos in {name}, but both are token {config.pad_token_id}, so that "
            "transformers reads the score before eos and this course at eos; give it another pad_token_id in "
            "config.json if it was trained to score at eos (any will do), or train it again."
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
            f"{scale!r:.80}; give both, as its training set them, or remove both."
        )
