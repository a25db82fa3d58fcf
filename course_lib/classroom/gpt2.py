"""The same PPO with the GPT-2 of 124 million parameters, where there is a GPU and the weights are on the disk."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from huggingface_hub import snapshot_download

from course_lib.classroom.plots.training import training_figure
from course_lib.classroom.show import show
from course_lib.classroom.watch import describe, watch
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.record import Record
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

SHOWN = ("score", "kl", "judge")
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")


def watch_gpt2(recorded: Sequence[Record], *, steps: int = 10) -> None:
    """Train GPT-2 here and draw it live; where that cannot be, say why and show a recorded run of the small GPT-2."""
    try:
        folder = gpt2_folder()
    except CourseError as error:
        print(error)
        says = f"Not GPT-2: the small GPT-2 of this course, recorded. {describe(recorded, SHOWN)}"
        show(training_figure(recorded, SHOWN, {}), says)
    else:
        watch(gpt2_records(folder, steps=steps), *SHOWN)


def gpt2_folder() -> Path:
    """Find the GPT-2 that an earlier download left in the Hugging Face cache; nothing is fetched.

    Raises:
        CourseError: there is no GPU, or the weights are not on this machine.
    """
    if not torch.cuda.is_available():
        raise CourseError("Expected a GPU, but torch sees none here; look at the recorded run below instead.")
    try:
        folder = Path(snapshot_download("gpt2", local_files_only=True))
    except OSError:
        folder = None
    if folder is None or not all((folder / name).is_file() for name in NEEDED):
        raise CourseError(
            "Expected the weights of gpt2 in the Hugging Face cache, but they are not there; "
            "run `hf download gpt2` once, with a network."
        )
    return folder


def gpt2_records(folder: Path, *, steps: int, device: str = "cuda") -> Iterator[Record]:
    """Train the model in the folder for some steps; the learning rate is OpenAI's for a model of this size.

    The reward model reads other tokens, so values begin at zero, on the policy's own trunk, with OpenAI's lambda.
    """
    settings = RunSettings(model=str(folder), device=device, learning_rate=1e-5, value_network="policy", lam=0.95)
    setup = Setup(settings)
    scorer = setup.scorer(load_reward_model(REWARD_MODEL, device=device))
    yield from islice(setup.records(scorer), steps)
