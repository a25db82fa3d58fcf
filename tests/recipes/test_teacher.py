"""The teacher's recipes, on a teacher small enough for a test: features, compression, fine-tuning and sampling."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from course_lib.recipes.generate import fine_tune, known_tokens, sample_tokens
from course_lib.recipes.teacher import SEPARATOR, compress, load_teacher, project, sentence_features
from course_lib.training.files.errors import CourseError


class Letters:
    """A tokenizer: a token for each letter, 1 to 26, and a dot for the separator."""

    def __call__(self, texts, *, add_special_tokens=True):
        return {"input_ids": [[SEPARATOR if letter == "." else ord(letter) - 96 for letter in text] for text in texts]}

    def decode(self, token):
        return "."


@pytest.fixture
def teacher():
    torch.manual_seed(0)
    size = {"hidden_size": 8, "intermediate_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1}
    return LlamaForCausalLM(LlamaConfig(vocab_size=27, num_hidden_layers=26, **size)).eval()


def test_features_do_not_depend_on_the_batch(teacher):
    texts = ["abc", "hello", "a"]
    together = sentence_features(teacher, Letters(), texts)
    alone = torch.cat([sentence_features(teacher, Letters(), [text]) for text in texts])
    assert together.shape == (3, 4 * 8)
    assert torch.allclose(together, alone, atol=1e-5)
    assert len(teacher.model.layers) == 26


def test_one_token_is_its_own_mean(teacher):
    features = sentence_features(teacher, Letters(), ["a"])
    assert torch.allclose(features[:, :8], features[:, 8:16], atol=1e-6)


def test_compressed_features_are_whitened_on_the_fitted_rows():
    torch.manual_seed(0)
    features = torch.randn(2000, 800) @ torch.randn(800, 800) + 5.0
    fitted = torch.arange(1900)
    compressed, projection = compress(features, fitted_on=fitted)
    assert compressed.shape == (2000, 768)
    alone = project(features[1900:], projection)  # in another batch a sum may round otherwise, by one of 127 steps
    assert (alone.int() - compressed[1900:].int()).abs().max() <= 1
    assert (alone == compressed[1900:]).float().mean() > 0.99
    scaled = compressed[:1900].float() / 32
    assert scaled.mean(0).abs().max() < 0.02
    assert scaled.std(0).sub(1).abs().max() < 0.02


def test_sampling_stays_within_the_known_tokens_and_follows_the_seed(teacher):
    known = known_tokens(Letters(), ["abba", "ac"])
    assert known.tolist() == [SEPARATOR, 1, 2, 3]
    options = {"count": 40, "temperature": 1.0, "max_tokens": 6}
    draws = [sample_tokens(teacher, known, generator=torch.Generator().manual_seed(7), **options) for _ in range(2)]
    assert torch.equal(*draws)
    assert set(draws[0].flatten().tolist()) == {0, 1, 2, 3}
    ended = (draws[0] == SEPARATOR).int().cummax(dim=1).values.bool()
    assert (draws[0][ended] == SEPARATOR).all(), "nothing is written after the end"


def test_fine_tuning_learns_and_leaves_the_lower_layers(teacher):
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    run = fine_tune(teacher, Letters(), ["abc"] * 64, epochs=5, learning_rate=0.02, batch_size=8, trained_layers=4)
    records = list(run)
    assert records[-1]["bits_per_byte"] < records[0]["bits_per_byte"] - 0.2  # the small frozen head allows little more
    for name, tensor in teacher.state_dict().items():
        upper = any(f"layers.{number}." in name for number in range(22, 26))
        assert torch.equal(tensor, before[name]) != upper, name


def test_a_missing_teacher_is_said(tmp_path):
    with pytest.raises(CourseError, match="check --gguf"):
        load_teacher(tmp_path / "none.gguf")
