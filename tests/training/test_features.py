import pytest
import torch
from safetensors.torch import save_file

from course_lib.training.features import load_features
from course_lib.training.files.errors import CourseError
from course_lib.training.ratings import RatedSentence, load_ratings


def rated(number):
    return RatedSentence(number, "text", (1,), "train")


@pytest.fixture
def stored(tmp_path):
    features = torch.tensor([[32, -64], [0, 16], [127, 1]], dtype=torch.int8)
    save_file({"ids": torch.tensor([7, 8, 9], dtype=torch.int32), "features": features}, tmp_path / "f.safetensors")
    return tmp_path / "f.safetensors"


def test_features_come_in_the_order_of_the_sentences(stored):
    assert load_features([rated(8), rated(7)], stored).tolist() == [[0.0, 0.5], [1.0, -2.0]]
    assert load_features([], stored).shape == (0, 2)


def test_features_that_are_not_there_are_named(stored, tmp_path):
    with pytest.raises(CourseError, match="Expected the features of sentence 5 in"):
        load_features([rated(8), rated(5)], stored)
    with pytest.raises(CourseError, match="reading failed"):
        load_features([], tmp_path / "none.safetensors")
    (tmp_path / "damaged.safetensors").write_bytes(stored.read_bytes()[:-3])
    with pytest.raises(CourseError, match="reading failed"):
        load_features([], tmp_path / "damaged.safetensors")


def test_every_rated_sentence_has_its_features():
    features = load_features(load_ratings())
    assert features.shape == (10_605, 768)
    training = load_features(load_ratings(split="train"))
    torch.testing.assert_close(training.std(dim=0), torch.ones(768), atol=0.05, rtol=0)
