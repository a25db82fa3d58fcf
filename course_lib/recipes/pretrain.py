"""Pretrain the small GPT-2 that the course teaches: `data/tiny-gpt2/`.

One sentence a row: bos, tokens, eos. The learning rate warms up, stays, and falls to zero in the last stage (Hu et al.
2024, arXiv:2404.06395); the hidden matrices are trained by Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon;
at scale: Liu et al. 2025, arXiv:2502.16982), everything else by AdamW. Training can stop and go on: everything that
the next step depends on is in the checkpoint, and the order of the sentences follows from the seed.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

from course_lib.recipes.blocks import Stage, block_batches
from course_lib.recipes.corpus import read_texts
from course_lib.recipes.figures import ship
from course_lib.recipes.pretraining_progress import PretrainingProgress, load_checkpoint, save_checkpoint
from course_lib.recipes.small_gpt2 import (
    Rows,
    Settings,
    bits_per_byte,
    encode,
    fitting,
    new_model,
    new_optimizers,
    pad_rows,
    token_nats,
)
from course_lib.recipes.tokenizer import train_tokenizer
from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.paths import TINY_GPT2
from course_lib.training.ratings import load_ratings

REGULARISED = {"dropout": 0.1, "weight_decay": 0.15}
STAGES = [
    Stage("general", 5_400_000, {"wordnet": 0.6, "rated": 0.15, "film": 0.25}),
    Stage("film", 1_900_000, {"wordnet": 0.3, "rated": 0.1, "film": 0.15, "generated": 0.45}, **REGULARISED),
    Stage("last", 3_700_000, {"wordnet": 0.1, "film": 0.3, "generated": 0.6}, rate=(1.0, 0.0), **REGULARISED),
    Stage("again", 1_000_000, {"wordnet": 0.1, "film": 0.3, "generated": 0.6}, rate=(0.3, 0.0), **REGULARISED),
]
SETTINGS = Settings()


def rate_factor(stage: Stage, progress: PretrainingProgress, settings: Settings) -> float:
    """The learning rate's factor: a linear warm-up over the first steps, then the stage's line from start to end."""
    done = min(progress.stage_tokens / stage.tokens, 1.0)
    start, end = stage.rate
    return min((progress.step + 1) / settings.warmup_steps, 1.0) * (start + (end - start) * done)


def prepare_step(
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    stage: Stage,
    progress: PretrainingProgress,
    settings: Settings,
) -> float:
    """Set learning rates, weight decay, dropout and its seed, in place; return the learning rate's factor."""
    factor = rate_factor(stage, progress, settings)
    muon, adamw = optimizers
    for group in muon.param_groups:
        group |= {"lr": settings.muon_rate * factor, "weight_decay": stage.weight_decay}
    for group in adamw.param_groups:
        group |= {"lr": settings.adamw_rate * factor}
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = stage.dropout
    torch.manual_seed(settings.seed + progress.step)  # what is dropped depends on the step alone, so a run can go on
    return factor


def train_batch(
    model: nn.Module, optimizers: list[torch.optim.Optimizer], rows: Rows, *, bfloat16: bool
) -> tuple[float, int]:
    """Take one step, in place; return the summed loss (nats) and the number of tokens."""
    nats = token_nats(model, pad_rows(rows), bfloat16=bfloat16)
    for optimizer in optimizers:
        optimizer.zero_grad()
    nats.mean().backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return nats.sum().item(), nats.numel()


def train(
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    progress: PretrainingProgress,
    sources: dict[str, Rows],
    stages: list[Stage],
    settings: Settings,
) -> Iterator[dict]:
    """Train from where `progress` stands to the end of the stages, in place; yields one record a block of rows."""
    while progress.stage < len(stages):
        model.train()
        stage, began, nats, tokens = stages[progress.stage], time.monotonic(), 0.0, 0
        for rows in block_batches(sources, stage, progress.block, settings):
            factor = prepare_step(model, optimizers, stage, progress, settings)
            batch_nats, batch_tokens = train_batch(model, optimizers, rows, bfloat16=settings.bfloat16)
            nats, tokens = nats + batch_nats, tokens + batch_tokens
            progress.step += 1
            progress.stage_tokens += batch_tokens
        progress.tokens += tokens
        progress.seconds += time.monotonic() - began
        progress.block += 1
        if progress.stage_tokens >= stage.tokens:
            progress.stage, progress.block, progress.stage_tokens = progress.stage + 1, 0, 0
        yield {
            "stage": stage.name,
            "step": progress.step,
            "tokens": progress.tokens,
            "loss": nats / tokens,
            "rate": factor,
            "seconds": progress.seconds,
        }


def load_tokenizer(corpus: Path, work: Path) -> object:
    """Load the tokenizer from the working folder, or train it there: film text counts most, WordNet a quarter."""
    from transformers import AutoTokenizer

    if not (work / "tokenizer.json").exists():
        film, rated, wordnet = (read_texts(corpus, name) for name in ("film", "rated", "wordnet"))
        train_tokenizer(film * 5 + rated + wordnet[::4], work)
    return AutoTokenizer.from_pretrained(work)


def open_run(corpus: Path, work: Path, settings: Settings) -> tuple[nn.Module, list, object, PretrainingProgress]:
    """Return model, optimizers, tokenizer and progress as the folder `work` has them, or new ones.

    What the log tells of steps after the checkpoint is cut off: they will be taken again.
    """
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(corpus, work)
    model = new_model(settings)
    optimizers = new_optimizers(model, settings)
    progress = load_checkpoint(work, model, optimizers)
    log = work / "training_log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    log.write_text("".join(line for line in lines if json.loads(line)["step"] <= progress.step), encoding="utf-8")
    return model, optimizers, tokenizer, progress


def pretrain(
    corpus: Path, work: Path, *, stages: list[Stage], settings: Settings, validate_every: int = 10
) -> Iterator[dict]:
    """Train in the folder `work`, on from its checkpoint if there is one; yields what it writes to its log."""
    model, optimizers, tokenizer, progress = open_run(corpus, work, settings)
    names = sorted({name for stage in stages[progress.stage :] for name in stage.shares})
    sources = {name: fitting(encode(tokenizer, read_texts(corpus, name))) for name in names}
    held_out = [sentence.text for sentence in load_ratings(split="validation")]
    for number, record in enumerate(train(model, optimizers, progress, sources, stages, settings), start=1):
        if number % validate_every == 0 or progress.stage == len(stages):
            record["validation_bits_per_byte"] = bits_per_byte(model, tokenizer, held_out)
            save_checkpoint(work, model, optimizers, progress)
        with (work / "training_log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(record) + "\n")
        yield record


def make_tiny_gpt2(
    corpus: Path, work: Path, *, out: Path = TINY_GPT2, stages: list[Stage] = STAGES, settings: Settings = SETTINGS
) -> Iterator[dict]:
    """Train to the end of the stages, measure, and write the checkpoint to `out`; the last record has the figures."""
    yield from pretrain(corpus, work, stages=stages, settings=settings)
    model, _, tokenizer, _ = open_run(corpus, work, settings)
    yield ship(model, tokenizer, corpus=corpus, work=work, stages=stages, settings=settings, out=out)


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Pretrain, and print a line of JSON for each record."""
    parser = argparse.ArgumentParser(description="Pretrain the small GPT-2, on from where an earlier run stopped.")
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"), help="folder that the corpus recipe wrote")
    parser.add_argument("--work", type=Path, default=Path("build/tiny-gpt2"), help="folder for checkpoint and log")
    parser.add_argument("--out", type=Path, default=TINY_GPT2, help="folder for the finished model")
    parser.add_argument("--stages", type=int, default=len(STAGES), help="stop after so many of the stages")
    parser.add_argument("--threads", type=int, default=2, help="processor cores to use")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    run = {"out": options.out, "stages": STAGES[: options.stages]}
    for line in make_tiny_gpt2(options.corpus, options.work, **run):
        print(json.dumps(line))


if __name__ == "__main__":
    sys.exit(main())
