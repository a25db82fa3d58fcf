"""Run folders and model folders with one damaged file in them: a clear sentence, or what the files really say."""

import json
import math
import random
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from shared.damage import damage, outcome
from shared.documents import TEXTS, check_measured, documents, held, is_number, is_text, lines, of, once

from course_lib.training.files.errors import CourseError
from course_lib.training.language_model import load_language_model
from course_lib.training.reward_model import load_reward_model
from course_lib.training.run.finished_run import METRICS, SAMPLE, SUMMARY, read_run

RUNS_DAMAGED, MODELS_DAMAGED = 500, 80
RUN_FILES = {"metrics.jsonl": True, "summary.json": False, "samples.jsonl": True, "settings.json": False}
MODEL_FILES = {"config.json": False, "tokenizer.json": False, "tokenizer_config.json": False, "model.safetensors": None}


@pytest.fixture
def run_folder(tmp_path):
    metrics = {name: 0.5 for name in METRICS} | {"judge": None, "policy_loss": math.nan}
    steps = [metrics | {"step": step, "score": step - 1.5} for step in (1, 2, 3)]
    sample = dict.fromkeys(SAMPLE, 0.25) | {"prompt": "The", "before": TEXTS[1], "after": TEXTS[3], "judge_after": None}
    summary = {name: 0.5 for name in SUMMARY} | {"steps": 3, "degrades_at": 2}
    (tmp_path / "metrics.jsonl").write_bytes("".join(json.dumps(step) + "\n" for step in steps).encode())
    (tmp_path / "samples.jsonl").write_bytes(lines([sample] * 2))
    (tmp_path / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    (tmp_path / "settings.json").write_text(of({"seed": 7, "model": TEXTS[3], "versions": {"torch": "2"}}) + "\n")
    return tmp_path


def whole(path):
    return documents(path, constant=lambda _: None)


def document(path):
    content = path.read_text(encoding="utf-8")
    return json.loads(content, object_pairs_hook=once, parse_constant=lambda _: None, parse_float=held)


def check_run(run, folder):
    assert run.metrics == whole(folder / "metrics.jsonl")
    assert run.samples == whole(folder / "samples.jsonl")
    assert (run.summary, run.settings) == (document(folder / "summary.json"), document(folder / "settings.json"))
    assert [record["step"] for record in run.metrics] == list(range(1, run.summary["steps"] + 1))
    for record in [*run.metrics, run.summary]:
        for name, value in record.items():
            check_measured(name.removesuffix("_before").removesuffix("_after"), value)
    for sample in run.samples:
        assert all(is_text(sample[name]) for name in ("prompt", "before", "after"))
        assert all(sample[name] is None or is_number(sample[name]) for name in ("score_before", "score_after"))


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_run_with_a_damaged_file_is_refused_in_one_sentence_or_read_as_it_stands(run_folder, name):
    path, chance, refused = run_folder / name, random.Random(name), 0
    good = path.read_bytes()
    check_run(read_run(run_folder), run_folder)
    for _ in range(RUNS_DAMAGED):
        path.write_bytes(damage(good, chance, json_lines=RUN_FILES[name]))
        run = outcome(lambda path: read_run(path.parent), path)
        if run is None:
            refused += 1
        else:
            check_run(run, run_folder)
    assert RUNS_DAMAGED / 6 < refused < RUNS_DAMAGED


@pytest.mark.parametrize(
    "change",
    [
        {"step": 2},
        {"step": 1.0},
        {"step": True},
        {"kl_coef": None},
        {"kl_coef": False},
        {"score": "0.5"},
        {"score": 10**400},
        {"eos_share": 1.5},
        {"distinct_2": -0.5},
        {"judge": -2},
        {"entropy": -1.0},
        {"explained_variance": 1.5},
        {"extra": "1"},
    ],
    ids=str,
)
def test_a_wrong_number_in_a_run_is_named(run_folder, change):
    path = run_folder / "metrics.jsonl"
    records = whole(path)
    path.write_bytes(lines([records[0] | change, *records[1:]]))
    assert outcome(lambda path: read_run(path.parent), path) is None


def test_a_run_that_lost_its_last_steps_is_refused(run_folder):
    path = run_folder / "metrics.jsonl"
    path.write_bytes(lines(whole(path)[:2]))
    assert outcome(lambda path: read_run(path.parent), path) is None


def test_a_folder_in_the_place_of_a_file_is_refused(run_folder):
    for name in RUN_FILES:
        shutil.move(run_folder / name, run_folder / "kept")
        (run_folder / name).mkdir()
        assert outcome(lambda path: read_run(path.parent), run_folder / name) is None
        (run_folder / name).rmdir()
        shutil.move(run_folder / "kept", run_folder / name)


def check_weights(model, folder):
    """Every weight is one of the file, to the bit, and what the model computes with them is a number."""
    stored = load_file(folder / "model.safetensors")
    for name, weight in model.named_parameters():
        assert torch.equal(weight, stored[name].to(weight.dtype))
    assert model(torch.tensor([[0, 5, 1]])).logits.isfinite().all()


def check_language_model(loaded, folder):
    model, tokenizer = loaded
    check_weights(model, folder)
    assert max(tokenizer(TEXTS)["input_ids"], key=max) < [model.config.vocab_size]


def check_reward_model(model, folder):
    check_weights(model.lm, folder)
    said = document(folder / "config.json")
    assert (model.gain, model.bias) == (said.get("score_gain", 1.0), said.get("score_bias", 0.0))
    assert is_number(model.gain)
    assert model.gain > 0
    assert is_number(model.bias)
    assert model.score(TEXTS).isfinite().all()


MODELS = {
    "checkpoint": (load_language_model, check_language_model),
    "reward_checkpoint": (load_reward_model, check_reward_model),
}


@pytest.mark.parametrize("name", MODEL_FILES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_with_a_damaged_file_is_refused_in_one_sentence_or_loaded_as_it_stands(request, kind, name):
    load, check = MODELS[kind]
    folder = request.getfixturevalue(kind)
    path, chance, refused = folder / name, random.Random(kind + name), 0
    good = path.read_bytes()
    for _ in range(MODELS_DAMAGED):
        path.write_bytes(damage(good, chance, json_lines=MODEL_FILES[name]))
        loaded = outcome(load, folder)
        if loaded is None:
            refused += 1
        else:
            check(loaded, folder)
    assert MODELS_DAMAGED / 6 < refused <= MODELS_DAMAGED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda weights: weights.pop("transformer.ln_f.bias"), "ln_f.bias is missing"),
        (lambda weights: weights.pop("score.weight"), "score.weight is missing"),
        (lambda weights: weights.update(extra=torch.ones(1)), "no place for the weight extra"),
        (lambda weights: weights["score.weight"].fill_(math.nan), "score.weight holds NaN"),
        (lambda weights: weights["transformer.wte.weight"][9].fill_(math.inf), "wte.weight holds NaN"),
        (lambda weights: weights["transformer.wpe.weight"][40].fill_(1e30), "wpe.weight holds NaN"),
    ],
)
def test_weights_that_are_not_the_models_are_named_and_never_made_up(reward_checkpoint, change, said):
    path = reward_checkpoint / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(CourseError, match=said):
        load_reward_model(reward_checkpoint)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score_gain": math.nan}, "NaN is no number"),
        ({"score_gain": True}, "finite numbers as score_gain"),
        ({"score_gain": -1.0}, "finite numbers as score_gain"),
        ({"score_bias": "0"}, "finite numbers as score_gain"),
        ({"pad_token_id": 1}, "a padding token other than eos"),
        ({"n_layer": 1}, "no place for the weight transformer.h.1"),
    ],
    ids=str,
)
def test_a_configuration_that_would_give_other_scores_is_refused(reward_checkpoint, change, said):
    path = reward_checkpoint / "config.json"
    path.write_text(json.dumps(document(path) | change))
    with pytest.raises(CourseError, match=said):
        load_reward_model(reward_checkpoint)


@pytest.mark.parametrize("damaged_id", [4, 900])
def test_two_tokens_of_one_id_and_an_id_without_a_row_are_refused(checkpoint, damaged_id):
    path = checkpoint / "tokenizer.json"
    content = document(path)
    content["model"]["vocab"]["a"] = damaged_id
    path.write_text(json.dumps(content))
    with pytest.raises(CourseError, match="Expected token ids 0, 1, 2 and so on"):
        load_language_model(checkpoint)


@pytest.mark.parametrize("name", MODEL_FILES)
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_without_one_of_its_files_is_refused(request, kind, name):
    folder = request.getfixturevalue(kind)
    (folder / name).unlink()
    assert outcome(MODELS[kind][0], folder) is None
