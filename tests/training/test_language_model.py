import shutil
import time

import pytest
import torch
from shared.tiny_models import byte_tokenizer, make_tiny_lm
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    BartConfig,
    BertConfig,
    BloomConfig,
    Gemma2Config,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    OpenAIGPTConfig,
    OPTConfig,
    T5Config,
)

from course_lib.training.files import pretrained
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.language_model import load_language_model, require_one_way_to_logits
from course_lib.training.reward_model import load_reward_model, new_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

SIZES = {"vocab_size": 259, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
MODERN = SIZES | {"intermediate_size": 32, "num_key_value_heads": 2, "head_dim": 8, "initializer_range": 0.5}
MODERN |= {"max_position_embeddings": 48}
PRE_LLAMA = {"vocab_size": 259, "n_positions": 48, "n_embd": 16, "n_layer": 2, "n_head": 2}
BART = {"vocab_size": 259, "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "max_position_embeddings": 48}
BART |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}


@pytest.fixture
def save(tmp_path):
    """Write a tiny model of a kind, and a tokenizer of bytes, into a folder."""

    def save_kind(config):
        torch.manual_seed(0)
        auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        auto.from_config(config).save_pretrained(tmp_path / "lm")
        byte_tokenizer().save_pretrained(tmp_path / "lm")
        return tmp_path / "lm"

    return save_kind


@pytest.mark.parametrize(
    "config",
    [GPT2Config(**PRE_LLAMA, initializer_range=0.5), LlamaConfig(**MODERN), MistralConfig(**MODERN)],
    ids=lambda config: config.model_type,
)
def test_a_model_whose_head_gives_its_log_probabilities_is_loaded(save, config):
    lm, tokenizer = load_language_model(save(config))
    assert lm.config.model_type == config.model_type
    assert len(tokenizer) == 259


@pytest.mark.parametrize(
    "config",
    [
        Gemma2Config(**MODERN, final_logit_softcapping=5.0, pad_token_id=2),
        GraniteConfig(**MODERN, logits_scaling=8.0),
    ],
    ids=lambda config: config.model_type,
)
def test_a_model_that_changes_its_logits_behind_the_head_is_refused_with_the_difference(save, config):
    folder = save(config)
    ids, lm = torch.arange(0, 259, 20)[None], AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        head = lm.lm_head(lm.model(ids).last_hidden_state).log_softmax(-1)
        off = (head - lm(ids).logits.log_softmax(-1)).abs().max().item()
    assert off > 1.0
    kind = config.model_type
    with pytest.raises(CourseError, match=rf"but in {kind} log-probabilities .* up to [\d.]+ nats; use a GPT-2"):
        load_language_model(folder)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (BloomConfig(vocab_size=259, hidden_size=16, n_layer=1, n_head=2), "bloom is without max_position_embeddings"),
        (MambaConfig(vocab_size=259, hidden_size=16, num_hidden_layers=1), "mamba is without max_position_embeddings"),
        (T5Config(vocab_size=259, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2), "t5 is an encoder-decoder"),
        (BartConfig(**BART), "bart is an encoder-decoder"),
        (BertConfig(**SIZES, intermediate_size=32), "bert does not go token by token"),
        (OpenAIGPTConfig(**PRE_LLAMA), "openai-gpt does not go token by token"),
        (OPTConfig(**SIZES, ffn_dim=32, word_embed_proj_dim=8), "last states are not as wide as hidden_size"),
    ],
    ids=lambda value: getattr(value, "model_type", ""),
)
def test_a_model_that_cannot_be_trained_here_is_refused_in_a_sentence(save, config, said):
    folder = save(config)
    for load in (load_language_model, lambda name: new_reward_model(name, generator=torch.Generator())):
        with pytest.raises(CourseError, match=f"^Expected a causal language model .*{said}.*; use a GPT-2, a Llama"):
            load(folder)


def test_trying_the_shipped_model_takes_a_fraction_of_a_second():
    lm, _ = load_language_model(TINY_GPT2)
    started = time.perf_counter()
    require_one_way_to_logits(lm, TINY_GPT2)
    assert time.perf_counter() - started < 0.5


def test_a_folder_without_its_tokenizer_is_told_so_in_every_stage(tmp_path, reward_checkpoint):
    make_tiny_lm(vocab_size=259, context=48).save_pretrained(tmp_path / "bare")
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        (reward_checkpoint / file).unlink()
    said = r"but there is no tokenizer\.json and no tokenizer_config\.json; save the model's tokenizer there too"
    for load, folder in (
        (load_language_model, tmp_path / "bare"),
        (lambda name: new_reward_model(name, generator=torch.Generator()), tmp_path / "bare"),
        (lambda name: Setup(RunSettings(model=str(name))), tmp_path / "bare"),
        (load_reward_model, reward_checkpoint),
    ):
        with pytest.raises(CourseError, match=said):
            load(folder)
    byte_tokenizer().save_pretrained(tmp_path / "bare")  # as the advice says
    load_language_model(tmp_path / "bare")


@pytest.mark.parametrize(
    ("kind", "load", "loader"),
    [
        ("checkpoint", load_language_model, AutoModelForCausalLM),
        ("reward_checkpoint", load_reward_model, AutoModelForSequenceClassification),
    ],
)
def test_bin_weights_are_refused_with_a_conversion_that_works(request, kind, load, loader):
    folder = request.getfixturevalue(kind)
    torch.save(loader.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CourseError, match=r"convert them: `from transformers import AutoModelFor") as error:
        load(folder)
    exec(str(error.value).split("`")[1], {})
    load(folder)


def test_a_mistyped_path_is_told_at_once_and_a_name_of_the_hub_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(TINY_GPT2, tmp_path / "runs" / "run-1")
    asked = []

    def from_hub(name, **options):
        asked.append(name)
        raise OSError("no network")

    monkeypatch.setattr(pretrained.AutoConfig, "from_pretrained", from_hub)
    for path in ("runs/run-7", "./run-7", "../run-7", "~/run-7", "/run-7", "runs/run-1/policy", "runs\\run-7"):
        with pytest.raises(CourseError, match=r"there is no such folder; check the path"):
            load_language_model(path)
    assert asked == []
    for name in ("openai-community/gpt2", "gpt2", "owner/name-1.5_b"):
        with pytest.raises(CourseError, match=r"no network.*check the name and the network, or give a folder"):
            load_language_model(name)
    assert asked == ["openai-community/gpt2", "gpt2", "owner/name-1.5_b"]
