"""The same PPO with the GPT-2 of 124 million parameters, where there is a GPU and the weights are on the disk."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from huggingface_hub import snapshot_download

from course_lib.training.errors import CourseError
from course_lib.training.paths import REWARD_MODEL
from course_lib.training.pipeline import PPORun
from course_lib.training.record import Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings

NEEDED = ("config.json", "model.safetensors", "tokenizer.json")


def gpt2_folder() -> Path:
    """Find the GPT-2 that an earlier download left in the Hugging Face cache; nothing is fetched.

    Raises:
        CourseError: there is no GPU, or the weights are not on this machine.
    """
    if not torch.cuda.is_available():
        raise CourseError("Expected a GPU, but torch sees none here; read the recorded run below instead.")
    try:
        folder = Path(snapshot_download("gpt2", local_files_only=True))
    except OSError:
        folder = None
    if folder is None or not all((folder / name).is_file() for name in NEEDED):
        raise CourseError(
            "Expected the weights of gpt2 in the Hugging Face cache, but they are not there; with a network, "
            "run `hf download gpt2` once in a terminal."
        )
    return folder


def gpt2_records(folder: Path, *, steps: int, device: str = "cuda") -> Iterator[Record]:
    """Train the model in the folder for some steps; the learning rate is OpenAI's for a model of this size."""
    run = PPORun(RunSettings(model=str(folder), device=device, learning_rate=1e-5))
    scorer = run.scorer(load_reward_model(REWARD_MODEL, device=device))
    yield from islice(run.records(scorer), steps)
