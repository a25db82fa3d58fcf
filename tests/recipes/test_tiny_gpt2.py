"""The shipped checkpoint: it loads by itself, its tokens are what the course says, and it predicts film sentences."""

import json

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2LMHeadModel

from course_lib.recipes.small_gpt2 import bits_per_byte, encode
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.ratings import load_ratings


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(TINY_GPT2)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(TINY_GPT2).eval()


def test_it_is_a_small_gpt2(model):
    assert isinstance(model, GPT2LMHeadModel)
    assert sum(file.stat().st_size for file in TINY_GPT2.iterdir()) <= 15_000_000
    assert not any(file.suffix in (".bin", ".pt", ".pkl") for file in TINY_GPT2.iterdir())


def test_three_tokens_for_three_jobs(model, tokenizer):
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (0, 1, 2)
    for config in (model.config, model.generation_config):
        assert (config.bos_token_id, config.eos_token_id, config.pad_token_id) == (0, 1, 2)
    assert len(tokenizer) == model.config.vocab_size


def test_a_text_gets_bos_and_comes_back(tokenizer):
    text = 'A "great" film, isn\'t it? Très bien.'
    ids = tokenizer(text)["input_ids"]
    assert ids == [0, *tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert 1 not in ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_every_rated_sentence_fits_the_context(model, tokenizer):
    lengths = [len(ids) for ids in encode(tokenizer, [sentence.text for sentence in load_ratings()])]
    assert max(lengths) <= model.config.n_positions == tokenizer.model_max_length


def test_it_predicts_held_out_sentences(model, tokenizer):
    texts = [sentence.text for sentence in load_ratings(split="test")][:200]
    measured = bits_per_byte(model, tokenizer, texts)
    assert measured == pytest.approx(json.loads((TINY_GPT2 / "training.json").read_text())["test_200"], abs=0.002)
    assert 1.0 < measured < 1.9
