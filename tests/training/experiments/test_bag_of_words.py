"""A bag of words: weights worked by hand, and what it does not see."""

import pytest

from course_lib.training.experiments.bag_of_words import BagOfWords, count_words, fit_bag_of_words
from course_lib.training.ratings import RatedSentence

RATED = [RatedSentence(1, "Good, good film.", (4,), "train"), RatedSentence(2, "A film", (0,), "train")]


def test_counts_have_a_row_a_text_and_a_column_a_word():
    assert count_words(["Good, good film!", "none"], {"film": 0, "good": 1}).tolist() == [[1, 2], [0, 0]]


def test_two_words_by_hand():
    # X = [[2, 1], [0, 1]], ratings less their mean [2, -2]: (X'X + I)^-1 = [[3, -2], [-2, 5]] / 11, X'r = [4, 0]
    weights = fit_bag_of_words(RATED, least=2, ridge=1.0).weights
    assert weights == {"good": pytest.approx(12 / 11), "film": pytest.approx(-8 / 11)}  # "a" comes but once


def test_a_text_scores_the_sum_of_its_words_in_whatever_order():
    bag = BagOfWords({"good": 1.0, "bad": -0.5})
    assert bag(["good bad film", "BAD good!", "good good good", ""]) == [0.5, 0.5, 3.0, 0.0]
