"""The bag of words that notebook 04 fits is the library's, which the recorded runs please."""

import torch
from shared.notebooks import cell

from course_lib.training.experiments.bag_of_words import fit_bag_of_words
from course_lib.training.ratings import load_ratings


def test_the_page_fits_the_weights_of_the_library(capsys):
    page = {}
    for cell_id in ("bag-counts", "bag-ridge", "bag-accuracy"):
        exec(cell("04", cell_id).source, page)
    sentences = load_ratings(split="train")
    texts = [sentence.text for sentence in sentences[:50]]
    library = torch.tensor(fit_bag_of_words(sentences)(texts))
    assert torch.allclose(page["bag_of_words"](texts), library, atol=1e-3)
    assert library.std() > 0.5
    assert "75% of test pairs" in capsys.readouterr().out
