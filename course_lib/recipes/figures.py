"""Measure the pretrained small GPT-2 and ship it: bits per byte, and whether the words that it writes exist."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from course_lib.recipes.blocks import Stage
from course_lib.recipes.corpus import words
from course_lib.recipes.small_gpt2 import Settings, bits_per_byte
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.ratings import load_ratings


@torch.no_grad()
def written_texts(model: nn.Module, tokenizer: object, *, count: int, temperature: float, seed: int = 0) -> list[str]:
    """Let the model write texts from bos on, up to the context's length."""
    torch.manual_seed(seed)
    start = torch.full((count, 1), tokenizer.bos_token_id)
    tokens = model.generate(
        start,
        attention_mask=torch.ones_like(start),
        do_sample=True,
        temperature=temperature,
        top_k=0,
        max_length=tokenizer.model_max_length,
    )
    return tokenizer.batch_decode(tokens, skip_special_tokens=True)


def share_of_known_words(texts: list[str], known: set[str]) -> float:
    """Return the share of the texts' words, each as often as it is written, that are in `known`."""
    written = [word for text in texts for word in words(text)]
    return sum(word in known for word in written) / max(len(written), 1)


def measure(model: nn.Module, tokenizer: object, corpus: Path) -> dict[str, float]:
    """Measure bits per byte on the held-out sentences, and the share of written words that its training text holds."""
    test = [sentence.text for sentence in load_ratings(split="test")]
    known = {word for path in sorted(corpus.glob("*.txt")) for word in words(path.read_text(encoding="utf-8"))}
    figures = {
        "validation": bits_per_byte(model, tokenizer, [sentence.text for sentence in load_ratings(split="validation")]),
        "test": bits_per_byte(model, tokenizer, test),
        "test_200": bits_per_byte(model, tokenizer, test[:200]),
    }
    for temperature in (0.7, 1.0):
        texts = written_texts(model, tokenizer, count=500, temperature=temperature)
        figures[f"known_words_at_{temperature}"] = share_of_known_words(texts, known)
    return {name: round(value, 4) for name, value in figures.items()}


def ship(
    model: nn.Module,
    tokenizer: object,
    *,
    corpus: Path,
    work: Path,
    stages: list[Stage],
    settings: Settings,
    out: Path = TINY_GPT2,
) -> dict:
    """Write an ordinary Hugging Face checkpoint with the training's log, settings and figures; return the figures."""
    model.eval()
    model.generation_config.update(do_sample=True, max_length=tokenizer.model_max_length)
    record = measure(model, tokenizer, corpus)
    log = (work / "training_log.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(log[-1])
    record |= {
        "parameters": model.num_parameters(),
        "tokens": last["tokens"],
        "steps": last["step"],
        "seconds": round(last["seconds"]),
        "texts": {path.stem: len(path.read_text().splitlines()) for path in sorted(corpus.glob("*.txt"))},
        "settings": asdict(settings),
        "stages": [asdict(stage) for stage in stages],
    }
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "training.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    shutil.copy(work / "training_log.jsonl", out / "training_log.jsonl")
    return record
