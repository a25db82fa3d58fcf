"""Which sentences the small GPT-2 reads, and when: stages, each a mixture of sources, cut into blocks and batches."""

from dataclasses import dataclass

import torch

from course_lib.recipes.small_gpt2 import Rows, Settings


@dataclass(frozen=True)
class Stage:
    """A part of the training: how many tokens, from which sources, the learning rate's factor from start to end.

    Dropout and weight decay matter once the same sentences come round again and again.
    """

    name: str
    tokens: int
    shares: dict[str, float]
    rate: tuple[float, float] = (1.0, 1.0)
    dropout: float = 0.0
    weight_decay: float = 0.01


def drawn_rows(rows: Rows, start: int, count: int, seed: int) -> Rows:
    """Take `count` rows from `start` on in an endless row of passes, each in an order of its own."""
    drawn = []
    for number in range(start // len(rows), (start + count - 1) // len(rows) + 1 if count else 0):
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed + number)).tolist()
        first = number * len(rows)
        drawn.extend(rows[i] for i in order[max(start - first, 0) : start + count - first])
    return drawn


def block_batches(sources: dict[str, Rows], stage: Stage, block: int, settings: Settings) -> list[Rows]:
    """Draw one block of rows from the stage's sources and cut it into batches of rows of like length."""
    rows = []
    for name, share in stage.shares.items():
        count = round(share * settings.block_rows)
        rows += drawn_rows(sources[name], block * count, count, settings.seed)
    rows.sort(key=len)
    batches = [[]]
    for row in rows:
        if len(row) * (len(batches[-1]) + 1) > settings.batch_tokens:
            batches.append([])
        batches[-1].append(row)
    order = torch.randperm(len(batches), generator=torch.Generator().manual_seed(settings.seed + block)).tolist()
    return [batches[i] for i in order]
