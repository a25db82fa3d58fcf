"""A text with each token coloured by a number, and the number under it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from matplotlib.colors import to_hex, to_rgb

from course_lib.classroom.html import render
from course_lib.classroom.style import INK, NEGATIVE, POSITIVE
from course_lib.classroom.words import number
from course_lib.training.files.errors import CourseError
from course_lib.training.reward_model import RewardModel

STRONGEST = 0.6  # of the colour at most, so that ink stays readable on it


class ColouredTokens:
    """Tokens of one text with a number each: teal above 0, vermilion below, the number under the token.

    `says` names the numbers, as in "advantage of each token"; the colour is strongest where a number reaches `limit`,
    by default the largest there is. A token that begins with a space stands apart from the one before. A `prompt`
    stands in front, without a number.

    Raises:
        CourseError: there are not as many numbers as tokens.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        numbers: Sequence[float],
        *,
        prompt: str = "",
        says: str = "",
        limit: float = 0.0,
        decimals: int = 1,
    ):
        if len(tokens) != len(numbers):
            raise CourseError(
                f"Expected one number for each of the {len(tokens)} tokens, but {len(numbers)} came; give as many."
            )
        self.prompt, self.tokens = prompt.strip(), list(tokens)
        self.numbers = [float(number) for number in numbers]
        self.says = says
        self.limit = limit or max(map(abs, self.numbers), default=0.0) or 1.0
        self.decimals = decimals

    def written(self, value: float) -> str:
        """The number as it is shown: signed, with a true minus."""
        return number(value, f"{{:+z.{self.decimals}f}}")

    @property
    def html(self) -> str:
        """The tokens as HTML, for a cell's output or for `ipywidgets.HTML`."""
        tokens = [
            (token, self.written(value), tint(round(value, self.decimals) / self.limit))
            for token, value in zip(self.tokens, self.numbers, strict=True)
        ]
        says = self.says or "a number for each token"
        return render("tokens", {"says": says, "prompt": self.prompt, "tokens": tokens, "ink": INK})

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        """The same in words."""
        words = " ".join(
            f"{token.strip()} ({self.written(number)})" for token, number in zip(self.tokens, self.numbers, strict=True)
        )
        words = f"{self.prompt} … {words}" if self.prompt else words
        return f"{self.says}: {words}" if self.says else words


def tint(strength: float) -> str:
    """Mix white with teal (strength above 0) or vermilion (below): at 0 white, at -1 and 1 strongest."""
    mixed = STRONGEST * min(abs(strength), 1.0)
    return to_hex([1 - mixed * (1 - part) for part in to_rgb(POSITIVE if strength > 0 else NEGATIVE)])


def score_changes(reward_model: RewardModel, text: str) -> tuple[list[str], list[float]]:
    """Cut a text after each of its tokens, score every beginning as if it were a whole text, and take differences.

    Returns the tokens and what each adds to the score of the text before it; the empty text's score is not among them,
    so the numbers add up to score(text) - score("").
    """
    ids = reward_model.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    beginnings = [reward_model.tokenizer.decode(ids[:end]) for end in range(len(ids) + 1)]
    scores = reward_model.score(beginnings)
    tokens = [new[len(old) :] for old, new in pairwise(beginnings)]
    return tokens, torch.diff(scores).tolist()
