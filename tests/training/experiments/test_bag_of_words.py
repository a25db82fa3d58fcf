"""A bag of words: weights worked by hand, what it does not see, and the page's own against the library's."""

import pytest
import torch

from course_lib.publish.stored import FOLDER, find, read
from course_lib.training.experiments.bag_of_words import BagOfWords, count_words, fit_bag_of_words
from course_lib.training.ratings import RatedSentence, load_ratings

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


def test_the_page_fits_the_weights_of_the_library(capsys):
    (path,) = find(["04"], FOLDER)
    cells, page = {cell.id: cell.source for cell in read(path).cells}, {}
    for cell_id in ("bag-counts", "bag-ridge", "bag-accuracy"):
        exec(cells[cell_id], page)
    sentences = load_ratings(split="train")
    texts = [sentence.text for sentence in sentences[:50]]
    library = torch.tensor(fit_bag_of_words(sentences)(texts))
    assert torch.allclose(page["bag_of_words"](texts), library, atol=1e-3)
    assert library.std() > 0.5
    assert "75% of test pairs" in capsys.readouterr().out
