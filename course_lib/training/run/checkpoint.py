"""Checkpoints of a training, whole or not there at all: the last ones of a folder, each under a name that checks it."""

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from course_lib.training.files.write import write_bytes
from course_lib.training.progress import learning

KEPT = 2  # where the last one turns out to be damaged, the one before it serves
NAME = re.compile(r"step-(\d+)-([0-9a-f]{16})\.safetensors")  # the step, and the file's own SHA-256

Tensors = dict[str, Tensor]


def write_checkpoint(folder: Path, *, step: int, tensors: Tensors, progress: dict) -> Path:
    """Write tensors and progress (anything that JSON can say) as one file, and remove all but the last ones.

    Raises:
        OSError: it cannot be written; the ones before it are untouched.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    content = save(tensors, metadata={"progress": json.dumps(progress)})
    path = folder / f"step-{step:06d}-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content)
    for old in checkpoints(folder)[KEPT:]:
        old.unlink()
    return path


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a folder, the last one first."""
    return sorted((path for path in folder.glob("step-*") if NAME.fullmatch(path.name)), reverse=True)


def read_checkpoint(folder: Path) -> tuple[Tensors, dict] | None:
    """Return the tensors and the progress of the last checkpoint that is whole; None where there is none.

    A damaged one is named on the error output.
    """
    for path in checkpoints(folder):
        try:
            return parse_checkpoint(path.read_bytes(), NAME.fullmatch(path.name)[2])
        except (OSError, ValueError, SafetensorError) as error:
            print(f"{path} is damaged ({error}); the checkpoint before it is used.", file=sys.stderr)
    return None


def parse_checkpoint(content: bytes, digest: str) -> tuple[Tensors, dict]:
    """Read a checkpoint's bytes; ValueError where they are not those that were written."""
    found = hashlib.sha256(content).hexdigest()[: len(digest)]
    if found != digest:
        raise ValueError(f"expected SHA-256 {digest}…, found {found}…")
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return load(content), json.loads(header["__metadata__"]["progress"])


def training_tensors(model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> Tensors:
    """Name all tensors that the next step depends on: weights that learn, tied ones once, and the optimizers' state."""
    tensors = {f"model.{name}": parameter for name, parameter in learning(model)}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{name}": tensor for name, tensor in state.items()}
    return tensors


def restore_training(tensors: Tensors, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]) -> None:
    """Put back what `training_tensors` named, in place."""
    with torch.no_grad():
        for name, parameter in learning(model):
            parameter.copy_(tensors[f"model.{name}"])
    for number, optimizer in enumerate(optimizers):
        state: dict[int, Tensors] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                _, _, index, entry = name.split(".")
                state.setdefault(int(index), {})[entry] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
