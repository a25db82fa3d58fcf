"""Prompts that a user has, for the policy to continue: whole, each once, a share held out; what was done is told."""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from course_lib.training.conversations import prompts_of
from course_lib.training.files.errors import CourseError
from course_lib.training.files.rows import Rows, read_rows

HELD_OUT = 5  # one prompt in so many is kept to judge the policy by

Prompts = Int[Tensor, "_ prompt_len_with_bos"]


def own_prompts(
    path: Path, tokenizer: PreTrainedTokenizerBase, *, most_tokens: int, tell: bool
) -> tuple[Prompts, Prompts]:
    """The prompts of a file to train on, and those to judge by; bos fills the place in front of shorter ones.

    Of a prompt longer than `most_tokens` the end is kept.

    Raises:
        CourseError: the file cannot be read, or has no prompt.
    """
    rows = read_rows(path)
    texts = prompts_of(rows)
    different = list(dict.fromkeys(text for text in texts if text.strip()))
    if not different:
        raise CourseError(f"Expected prompts in {path}, but there is none; write one a line.")
    options = {"add_special_tokens": False, "split_special_tokens": True, "verbose": False}
    ids = tokenizer(different, **options)["input_ids"]
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0)).tolist()
    held_out = -(-len(ids) // HELD_OUT) if len(ids) > 1 else 0
    if tell:
        for sentence in about_prompts(rows, texts, ids, most_tokens=most_tokens, held_out=held_out):
            print(sentence, file=sys.stderr)
    filled = left_filled([ids[number][-most_tokens:] for number in order], tokenizer.bos_token_id)
    return filled[held_out:], filled[:held_out] if held_out else filled


def left_filled(rows: Sequence[list[int]], bos_id: int) -> Prompts:
    """Rows of tokens behind bos, as wide as the longest: bos stands in front as often as it takes."""
    width = 1 + max(map(len, rows))
    return torch.tensor([[bos_id] * (width - len(row)) + row for row in rows])


def about_prompts(
    rows: Rows, texts: Sequence[str], ids: Sequence[list[int]], *, most_tokens: int, held_out: int
) -> list[str]:
    """Say what was found in a file, what of it is used, and how."""
    empty = sum(not text.strip() for text in texts)
    lengths = sorted(map(len, ids))
    long = sum(length > most_tokens for length in lengths)
    found = f"From {rows.described}: {len(ids)} prompts of {lengths[0]} to {lengths[-1]} tokens"
    left_out = [f"{empty} empty"] * (empty > 0)
    left_out += [f"{len(texts) - empty - len(ids)} there before"] * (len(texts) - empty > len(ids))
    told = [f"{found} in {len(texts)} rows{'; left out: ' if left_out else ''}{', '.join(left_out)}."]
    if long:
        told.append(f"{long} are longer than the {most_tokens} tokens beside the response, and lose their beginning.")
    told.append(
        f"{len(ids) - held_out} are trained on, {held_out} held out to judge by."
        if held_out
        else "It is trained on and judged by, as there is no other."
    )
    return told
