"""Stop the pretraining and go on later: weights, the optimizers' state and the progress in one file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn


@dataclass
class Progress:
    """Where the training stands; with the weights and the optimizers' state, all that a checkpoint holds."""

    stage: int = 0
    block: int = 0  # within the stage
    stage_tokens: int = 0
    tokens: int = 0
    step: int = 0
    seconds: float = 0.0


def save_checkpoint(
    folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], progress: Progress
) -> None:
    """Write weights, the optimizers' state and the progress as one safetensors file, whole or not at all."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{number}.{index}.{name}": tensor for name, tensor in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "checkpoint.tmp"
    save_file(tensors, unfinished, metadata={"progress": json.dumps(asdict(progress))})
    unfinished.replace(folder / "checkpoint.safetensors")


def load_checkpoint(folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> Progress:
    """Restore weights and the optimizers' state, in place, and return the progress; a new one without a checkpoint."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        return Progress()
    with safe_open(path, framework="pt") as file:
        progress = Progress(**json.loads(file.metadata()["progress"]))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
    weights = {name.removeprefix("model."): tensor for name, tensor in tensors.items() if name.startswith("model.")}
    model.load_state_dict(weights, strict=False)  # the head is the embedding
    for number, optimizer in enumerate(optimizers):
        state = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{number}."):
                _, _, index, entry = name.split(".")
                state.setdefault(int(index), {})[entry] = tensor
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return progress
