"""Thousands of damaged files: one clear sentence each, or nothing but values that the file really says."""

import gzip
import hashlib
import json
import random
import re

import pytest
import torch
from safetensors.torch import load_file, save_file
from shared.damage import damage, outcome
from shared.documents import TEXTS, check_measured, documents, is_number, is_text, lines, of, once

from course_lib.classroom.choices import ANSWERS, Choice, ChoiceFile, TextPair
from course_lib.recipes.score import read_generated
from course_lib.training.experiments.recordings import load_label_noise, load_recording
from course_lib.training.features import load_features
from course_lib.training.files.checksums import SUMS, read_checksums
from course_lib.training.ratings import SPLITS, RatedSentence, load_ratings

FILES = 500

RATED = [
    RatedSentence(number, text, tuple((number * k) % 9 - 4 for k in range(1, 4)), SPLITS[number % 3])
    for number, text in enumerate(TEXTS)
]


def ratings_file(path):
    path.write_bytes(lines(vars(sentence) for sentence in RATED))


def check_ratings(sentences, path):
    said = documents(path)
    assert [vars(sentence) for sentence in sentences] == [
        {**record, "ratings": tuple(record["ratings"])} for record in said
    ]
    assert len({sentence.id for sentence in sentences}) == len(sentences)
    for sentence in sentences:
        assert type(sentence.id) is int
        assert is_text(sentence.text)
        assert sentence.text.strip()
        assert sentence.split in SPLITS
        assert all(type(rating) is int and -4 <= rating <= 4 for rating in sentence.ratings)
        assert is_number(sentence.mean, -4, 4)


def choices_file(path):
    for i, answer in enumerate(ANSWERS * 2):
        ChoiceFile(path).add(Choice(TextPair("The", TEXTS[i % 5], TEXTS[(i + 1) % 5]), answer))
        if i == 2:
            ChoiceFile(path).undo()


def check_choices(choices, path):
    left = []
    for record in documents(path):
        left = left[:-1] if record == {"answer": "undo"} else [*left, record]
    assert [vars(choice.pair) | {"answer": choice.answer} for choice in choices] == left
    for choice in choices:
        assert choice.answer in ANSWERS
        assert all(is_text(text) for text in vars(choice.pair).values())


def generated_file(path):
    path.write_bytes(gzip.compress(lines({"text": text, "score": i - 2.25} for i, text in enumerate(TEXTS)), mtime=0))


def check_generated(records, path):
    said = [
        json.loads(line, object_pairs_hook=once)
        for line in gzip.decompress(path.read_bytes()).decode().split("\n")
        if line
    ]
    assert records == said
    assert all(is_text(record["text"]) and is_number(record["score"]) for record in records)


def recording_of(seed, **changes):
    metrics = {
        "step": [1, 2, 3],
        "score": [0.5, -1.5, 2.0],
        "eos_share": [0.0, 0.5, 1.0],
        "explained_variance": [None, -3.0, 0.5],
    }
    sample = {"prompt": "The", "before": TEXTS[1], "after": TEXTS[2], "score_before": 1.5, "judge_after": None}
    figures = {"kl": 1.5, "eos_share": 0.75, "judge": -0.5}
    run = {
        "name": "a run",
        "seed": seed,
        "changes": {"lam": 0.5},
        "metrics": metrics,
        "before": figures,
        "after": figures,
    }
    return run | {"samples": [sample, sample]} | changes


def recording_file(path):
    path.write_text(of({"made_with": "a command", "runs": [recording_of(0), recording_of(1)]}), encoding="utf-8")


def check_recordings(recordings, path):
    (document,) = documents(path)
    assert [vars(run) for run in recordings] == [
        {name: run[name] for name in vars(recordings[0])} for run in document["runs"]
    ]
    for run in recordings:
        assert type(run.seed) is int
        assert is_text(run.name)
        assert run.metrics.get("step", [1, 2, 3]) == [1, 2, 3]
        assert len({len(column) for column in run.metrics.values()}) == 1
        for name, column in run.metrics.items():
            for value in column:
                check_measured(name, value)
        for figures in (run.before, run.after):
            for name, value in figures.items():
                check_measured(name, value)
        assert all(is_text(sample[name]) for sample in run.samples for name in ("prompt", "before", "after"))


def label_noise_file(path):
    def run(seed, labels, noise):
        metrics = {"pairs": [32, 64, 128], "pair_accuracy": [0.5, 0.625, 0.75 - noise]}
        nothing = {"before": {}, "after": {}, "samples": []}
        return recording_of(
            seed, metrics=metrics, changes={"labels": labels, "noise": noise}, name=f"{labels}, {noise}", **nothing
        )

    kinds = [("everybody", 0.0), ("one person", 0.0), ("one person", 0.25)]
    path.write_text(of({"runs": [run(seed, *kind) for seed in range(2) for kind in kinds]}), encoding="utf-8")


def check_label_noise(data, path):
    said = {(run["seed"], run["name"]): run for run in documents(path)[0]["runs"]}
    assert all(run["metrics"]["pairs"] == data.pairs.tolist() for run in said.values())
    assert (data.pairs[1:] > data.pairs[:-1]).all()
    curves = [curve.tolist() for part in (data.everybody, *data.one_person.values()) for curve in part]
    assert all(curve in [run["metrics"]["pair_accuracy"] for run in said.values()] for curve in curves)
    assert all(is_number(value, 0, 1) for curve in curves for value in curve)
    assert all(is_number(share, 0, 1) for share in data.one_person)


def sums_file(path):
    (path.parent / "weights").write_bytes(b"abc")
    names = ["weights", "model/other file", "z"]
    path.write_text("".join(f"{hashlib.sha256(b'abc').hexdigest()}  {name}\n" for name in names))


def check_sums(sums, path):
    for name, digest in sums.items():
        assert f"{digest}  {name}" in path.read_text(encoding="utf-8").split("\n")
        assert re.fullmatch("[0-9a-f]{64}", digest)
    assert len(sums) == len(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"))


def features_file(path):
    features = torch.arange(-20, 20, dtype=torch.int8).reshape(5, 8)
    save_file({"ids": torch.arange(5, dtype=torch.int32), "features": features}, path)


def check_features(features, path):
    stored = load_file(path)
    rows = {number: row for number, row in zip(stored["ids"].tolist(), stored["features"], strict=True)}
    assert features.isfinite().all()
    assert features.abs().max() <= 4
    assert (features * 32).tolist() == [rows[sentence.id].tolist() for sentence in RATED]


READERS = {
    "film.jsonl": (ratings_file, load_ratings, check_ratings, True),
    "choices.jsonl": (choices_file, lambda path: ChoiceFile(path).read(), check_choices, True),
    "film.jsonl.gz": (generated_file, read_generated, check_generated, None),
    "clip.json": (recording_file, lambda path: load_recording("clip", folder=path.parent), check_recordings, False),
    "label_noise.json": (label_noise_file, lambda path: load_label_noise(folder=path.parent), check_label_noise, False),
    SUMS: (sums_file, lambda path: read_checksums(path.parent), check_sums, None),
    "film.safetensors": (features_file, lambda path: load_features(RATED, path), check_features, None),
}


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_in_one_sentence_or_read_as_it_stands(tmp_path, name):
    write, read, check, json_lines = READERS[name]
    path, chance, refused = tmp_path / name, random.Random(name), 0
    write(path)
    good = path.read_bytes()
    check(read(path), path)
    for number in range(FILES):
        content = gzip.decompress(good) if name.endswith("gz") and number % 2 else good
        content = damage(content, chance, json_lines=True if content is not good else json_lines)
        path.write_bytes(gzip.compress(content) if name.endswith("gz") and number % 2 else content)
        result = outcome(read, path)
        if result is None:
            refused += 1
            assert path.read_bytes() != good
        else:
            check(result, path)
    assert FILES / 4 < refused < FILES
