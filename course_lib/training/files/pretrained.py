"""Checkpoints as Hugging Face writes them: a folder or a name on the hub, read whole or refused in a sentence."""

import re
from pathlib import Path

import torch
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from course_lib.training.files import strict_json
from course_lib.training.files.checksums import remedy, verify
from course_lib.training.files.errors import CourseError

logging.disable_progress_bar()  # what loads in a second needs none, and a notebook would keep every line of it

CONFIG_FILES = ("config.json", "generation_config.json")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")
LARGEST_WEIGHT = 1e6  # what training leaves is far smaller; a damaged exponent is not
HUB_NAME = r"[\w-][\w.-]*(/[\w.-]+)?"  # gpt2, or owner/name


def load_pretrained(loader: type, name: str | Path) -> PreTrainedConfig | PreTrainedModel | PreTrainedTokenizerBase:
    """Call `loader.from_pretrained` on a folder or a hub name; safetensors only, in float32.

    Raises:
        CourseError: no such folder, a name the hub cannot give (no network, say), or a damaged checkpoint: JSON that is
            none, weights that are missing, left over or no numbers, or a model that cannot compute. What the course
            ships is checked against its checksums.
    """
    require_place(name)
    verify(Path(name))
    try:
        for file in TOKENIZER_FILES if loader is AutoTokenizer else CONFIG_FILES:
            if (Path(name) / file).is_file():
                strict_json.parse((Path(name) / file).read_text(encoding="utf-8"))
        if loader is AutoConfig:
            return loader.from_pretrained(name)
        if loader is AutoTokenizer:
            tokenizer = loader.from_pretrained(name)
            tokenizer.decode(tokenizer("A film.")["input_ids"])  # damaged settings may show in use alone
            return tokenizer
        options = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        model, report = loader.from_pretrained(name, **options)
        require_sound(model, report)
        return model
    except Exception as error:  # safetensors, tokenizers, json and the hub client each raise their own kinds
        reason = " ".join(str(error).split())[:160]
        message = f"Expected a loadable checkpoint in {name}, but reading it failed ({reason}); "
        raise CourseError(message + how_to_load(loader, name, reason)) from None


def require_place(name: str | Path) -> None:
    """Tell a mistyped path at once; the hub is asked for what can only be a name on it.

    Raises:
        CourseError: there is no such folder, and the name is none that the hub could have, or begins with a folder.
    """
    beginning = Path(name).parts[:-1][:1]
    is_path = not re.fullmatch(HUB_NAME, str(name)) or (beginning and Path(*beginning).is_dir())
    if is_path and not Path(name).is_dir():
        raise CourseError(f"Expected a model in the folder {name}, but there is no such folder; check the path.")


def how_to_load(loader: type, name: str | Path, reason: str) -> str:
    """What to do about a checkpoint that cannot be read."""
    folder = Path(name)
    if "model.safetensors" in reason and (not folder.is_dir() or list(folder.glob("*.bin"))):
        target = str(name) if folder.is_dir() else "a-folder"
        return (
            "if you trust its .bin weights, which may run any code as they are read, convert them: "
            f"`from transformers import {loader.__name__} as M; M.from_pretrained({str(name)!r}, "
            f"use_safetensors=False).save_pretrained({target!r})`."
        )
    if folder.is_dir():
        return f"{remedy(folder)}."
    return "check the name and the network, or give a folder."


def load_tokenizer(name: str | Path, *, vocab_size: int) -> PreTrainedTokenizerBase:
    """Load a tokenizer whose every token has a row of its own in the model's vocabulary, bos and eos among them.

    Raises:
        CourseError: as in `load_pretrained`, or a token is missing or unknown to the model.
    """
    tokenizer = load_pretrained(AutoTokenizer, name)
    reads_text = bool(tokenizer("A film.", add_special_tokens=False)["input_ids"])
    if not reads_text or tokenizer.eos_token_id is None or tokenizer.bos_token_id is None:
        missing = [file for file in TOKENIZER_FILES if Path(name).is_dir() and not (Path(name) / file).is_file()]
        raise CourseError(
            f"Expected a tokenizer with bos and eos tokens in {name}, but there is no {' and no '.join(missing)}; "
            f"save the model's tokenizer there too, with tokenizer.save_pretrained({str(name)!r})."
            if missing
            else f"Expected a tokenizer with bos and eos tokens in {name}, but it has none; use a GPT-2."
        )
    ids = sorted(tokenizer.get_vocab().values())
    if ids != list(range(len(ids))) or len(ids) > vocab_size:
        raise CourseError(
            f"Expected token ids 0, 1, 2 and so on, each once and at most {vocab_size} as in the model's vocabulary, "
            f"in {name}, but there are {len(ids)} from {ids[0]} to {ids[-1]}; save the model's own tokenizer there."
        )
    return tokenizer


def require_sound(model: PreTrainedModel, report: dict) -> None:
    """Refuse a model that the checkpoint left incomplete: transformers fills what is missing with random numbers.

    Raises:
        ValueError: a weight is missing, has no place in the model, is NaN or huge, or a short text gets no number.
    """
    if report["missing_keys"]:
        raise ValueError(f"the weight {min(report['missing_keys'])} is missing")
    if report["unexpected_keys"]:
        raise ValueError(f"a {type(model).__name__} has no place for the weight {min(report['unexpected_keys'])}")
    for name, weight in model.named_parameters():
        if not weight.abs().max() < LARGEST_WEIGHT:
            raise ValueError(f"the weight {name} holds NaN or a number beyond {LARGEST_WEIGHT:.0e}")
    with torch.no_grad():
        if not model(torch.zeros(1, 2, dtype=torch.long)).logits.isfinite().all():
            raise ValueError("what it computes is not finite")
