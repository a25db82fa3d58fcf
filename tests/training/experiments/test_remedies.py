import pytest
import torch

from course_lib.equations.ensemble import mean_minus_spread, worst_score
from course_lib.training.experiments.remedies import Ensemble, LengthTerm, label_pairs
from course_lib.training.reward_model import load_reward_model


class Lengths:
    """A reward model whose score is the length of a text in characters, times its sign."""

    def __init__(self, sign: int = 1):
        self.sign, self.gain, self.bias = sign, 1.0, 0.0

    def score(self, texts):
        return torch.tensor([float(self.sign * len(text)) for text in texts])


def test_an_ensemble_is_as_good_as_its_worst_member_or_as_its_mean_less_the_spread():
    members, texts = [Lengths(), Lengths(-1)], ["ab", "abcd"]
    assert Ensemble(members, worst_score).score(texts).tolist() == [-2, -4]
    assert Ensemble(members, mean_minus_spread).score(texts).tolist() == [-2, -4]
    assert Ensemble([Lengths(), Lengths()], mean_minus_spread).score(texts).tolist() == [2, 4]
    ensemble = Ensemble([Lengths()], worst_score)
    ensemble.gain, ensemble.bias = 0.5, 1.0
    assert ensemble.score(texts).tolist() == [2, 3]


def test_a_length_term_pays_for_every_token(tiny_run):
    model = load_reward_model(tiny_run["reward_model"])
    plain, paid = model.score(["a", "abc"]), LengthTerm(model, per_token=2.0).score(["a", "abc"])
    assert (paid - plain).tolist() == pytest.approx([2 * 3, 2 * 5], abs=1e-5)  # bytes, bos and eos


def test_the_gold_reward_model_labels_and_drops_ties():
    assert label_pairs(["ab", "a", "cd"], ["c", "abc", "ab"], Lengths()) == [("ab", "c"), ("abc", "a")]
