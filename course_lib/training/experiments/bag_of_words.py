"""A bag of words as a reward: ridge regression of people's mean ratings on how often a text has each word."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.training.ratings import RatedSentence
from course_lib.training.texts import words

LEAST = 5  # times that a word comes in the sentences, or it is not counted
RIDGE = 10.0  # penalty on the squared weights; of 5, 10, 20 and 40 the one that agrees best with validation ratings


@dataclass(frozen=True)
class BagOfWords:
    """A weight for each word; a text scores the sum of the weights of its words, whatever their order."""

    weights: dict[str, float]

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """One score for each text, in points of the ratings above or below their mean; unknown words count 0."""
        return [sum((self.weights.get(word, 0.0) for word in words(text)), start=0.0) for text in texts]


def count_words(texts: Sequence[str], places: dict[str, int]) -> Float[Tensor, "texts words"]:
    """How often each text has each of the words."""
    counts = torch.zeros(len(texts), len(places))
    for row, text in enumerate(texts):
        for word in words(text):
            if word in places:
                counts[row, places[word]] += 1
    return counts


def fit_bag_of_words(sentences: Sequence[RatedSentence], *, least: int = LEAST, ridge: float = RIDGE) -> BagOfWords:
    """Fit weights w = (X'X + ridge I)^-1 X'(ratings - their mean), X the counts: a row a sentence, a column a word."""
    often = Counter(word for sentence in sentences for word in words(sentence.text))
    known = [word for word, count in often.items() if count >= least]
    counts = count_words([sentence.text for sentence in sentences], {word: place for place, word in enumerate(known)})
    ratings = torch.tensor([sentence.mean for sentence in sentences])
    inner = counts.T @ counts + ridge * torch.eye(len(known))
    weights = torch.linalg.solve(inner, counts.T @ (ratings - ratings.mean()))
    return BagOfWords(dict(zip(known, weights.tolist(), strict=True)))
