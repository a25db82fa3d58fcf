"""What can be said of texts without the reward model: an independent judge, and signs of degradation."""

import re
from collections import Counter
from functools import cache

from course_lib.training.record import Record

DEGRADED_DISTINCT_2 = 0.8  # of what it was at the start
DEGRADED_LENGTH = 0.6  # of what it was at the start
DEGRADED_TOP_WORD = 2.0  # times what it was at the start
SMOOTHING = 3  # iterations averaged, at the start and where the text is judged
SIGNS = (
    f"over {SMOOTHING} steps, word pairs less than {DEGRADED_DISTINCT_2:.0%} as varied as over the first {SMOOTHING}, "
    f"texts less than {DEGRADED_LENGTH:.0%} as long, or the most frequent word more than {DEGRADED_TOP_WORD:g} times "
    "as frequent"
)


@cache
def vader():
    """VADER's rules, with their lexicon read once (Hutto & Gilbert, ICWSM 2014)."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def judge(text: str) -> float:
    """VADER's judgement of a text, from -1 to 1: rules and a word list, which the policy never trains against."""
    return vader().polarity_scores(text)["compound"]


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return re.findall(r"[\w']+", text.lower())


def distinct_2(texts: list[str]) -> float:
    """Distinct word pairs as a share of all word pairs; 0 where there is none.

    Li et al. 2016 (arXiv:1510.03055) divide by the number of words, of which a text has one more than pairs; by pairs,
    texts without a repetition get 1 however short they are.
    """
    pairs = [pair for text in texts for pair in zip(words(text), words(text)[1:], strict=False)]
    return len(set(pairs)) / max(len(pairs), 1)


def top_word_share(texts: list[str]) -> float:
    """How large a share of all words the most frequent one has; 0 where there is no word."""
    counts = Counter(word for text in texts for word in words(text))
    return max(counts.values(), default=0) / max(counts.total(), 1)


def frequent_words(texts: list[str], count: int) -> list[tuple[str, int]]:
    """The most frequent words, each with how often it occurs; of two as frequent, the one that comes first."""
    return Counter(word for text in texts for word in words(text)).most_common(count)


def describe_texts(texts: list[str]) -> Record:
    """The independent judge's mean and two signs of degradation."""
    judgement = sum(map(judge, texts)) / max(len(texts), 1)
    return {"judge": judgement, "distinct_2": distinct_2(texts), "top_word_share": top_word_share(texts)}


def degrades_at(records: list[Record]) -> int | None:
    """The first step at which the texts show one of SIGNS: less varied, shorter, more monotonous; None where none."""

    def smooth(name: str, end: int) -> float:
        return sum(record[name] for record in records[end - SMOOTHING : end]) / SMOOTHING

    for end in range(SMOOTHING, len(records) + 1):
        if (
            smooth("distinct_2", end) < DEGRADED_DISTINCT_2 * smooth("distinct_2", SMOOTHING)
            or smooth("response_length", end) < DEGRADED_LENGTH * smooth("response_length", SMOOTHING)
            or smooth("top_word_share", end) > DEGRADED_TOP_WORD * smooth("top_word_share", SMOOTHING)
        ):
            return int(records[end - 1]["step"])
    return None
