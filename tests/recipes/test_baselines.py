import json

import pytest
import torch

from course_lib.recipes.baselines import (
    BASELINES,
    human_agreement,
    length_scores,
    make_baselines,
    mean_ratings,
    vader_scores,
)
from course_lib.training.agreement import agreement, pearson_r
from course_lib.training.ratings import RatedSentence


def rated(number, text, *ratings):
    return RatedSentence(number, text, ratings, "test")


def test_pearson_r_by_hand():
    # deviations (-1, 0, 1) and (-1, 1, 0): covariance 1, squared lengths 2 and 2
    assert pearson_r(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 20.0, 10.0])) == pytest.approx(0.5)
    assert pearson_r(torch.tensor([1.0, 1.0]), torch.tensor([0.0, 2.0])) == 0.0


def test_agreement_counts_pairs():
    ratings = torch.tensor([0.0, 0.5, 3.0, 3.0])
    perfect = agreement(ratings, ratings)
    assert perfect == pytest.approx({"pearson_r": 1.0, "pair_accuracy": 1.0, "pair_accuracy_clear_gap": 1.0})
    backward = agreement(-ratings, ratings)
    assert backward == pytest.approx({"pearson_r": -1.0, "pair_accuracy": 0.0, "pair_accuracy_clear_gap": 0.0})
    blind = agreement(torch.zeros(4), ratings)
    assert blind == {"pearson_r": 0.0, "pair_accuracy": 0.5, "pair_accuracy_clear_gap": 0.5}


def test_only_the_clear_pairs_have_a_gap_above_one():
    # of the five pairs with a difference only the one of the first two is wrong, and its gap is 0.5
    found = agreement(torch.tensor([0.2, 0.1, 3.0, 4.0]), torch.tensor([0.0, 0.5, 3.0, 3.0]), pairs=100_000)
    assert found["pair_accuracy"] == pytest.approx(4 / 5, abs=0.01)
    assert found["pair_accuracy_clear_gap"] == 1.0


def test_length_is_turned_the_way_that_fits_the_training_split():
    train = [rated(1, "aa", 2), rated(2, "aaaa", -2)]
    assert length_scores(train, [rated(3, "aaa", 0)]).tolist() == [-3.0]
    train = [rated(1, "aa", -2), rated(2, "aaaa", 2)]
    assert length_scores(train, [rated(3, "aaaaa", 0)]).tolist() == [5.0]


def test_vader_knows_good_from_bad():
    good, bad, neither = vader_scores([rated(1, "A great film.", 3), rated(2, "Awful.", -3), rated(3, "A table.", 0)])
    assert good > 0.5
    assert bad < -0.3
    assert neither == 0.0


def test_people_who_always_agree_agree():
    sentences = [rated(1, "a", 3, 3, 3), rated(2, "b", -1, -1, -1), rated(3, "c", 0, 0, 0)]
    assert human_agreement(sentences, raters=1)["pearson_r"] == pytest.approx(1.0)
    assert human_agreement(sentences, raters=None)["pair_accuracy"] == 1.0


def test_a_drawn_person_is_not_among_the_others():
    # whoever of the two is drawn, the other said the opposite
    opposed = [rated(1, "a", 1, -1), rated(2, "b", 2, -2), rated(3, "c", 3, -3), rated(4, "d", 4, -4)]
    assert human_agreement(opposed, raters=1)["pearson_r"] == pytest.approx(-1.0)


def test_mean_ratings():
    assert mean_ratings([rated(1, "a", 1, 2), rated(2, "b", -4)]).tolist() == [1.5, -4.0]


def test_the_recorded_baselines_are_those_the_project_measures(tmp_path):
    pytest.importorskip("sklearn")
    recorded, measured = json.loads(BASELINES.read_text()), make_baselines(tmp_path / "baselines.json")
    for name, row in recorded["scorers"].items():
        assert measured["scorers"][name] == pytest.approx(row, abs=0.003), name
    assert json.loads((tmp_path / "baselines.json").read_text()) == measured
