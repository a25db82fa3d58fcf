"""Stop the pretraining and go on later: weights, the optimizers' state and the progress in one file."""

from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

from course_lib.training.run.checkpoint import read_checkpoint, restore_training, training_tensors, write_checkpoint


@dataclass
class PretrainingProgress:
    """Where the training stands; with the weights and the optimizers' state, all that a checkpoint holds."""

    stage: int = 0
    block: int = 0  # within the stage
    stage_tokens: int = 0
    tokens: int = 0
    step: int = 0
    seconds: float = 0.0


def save_checkpoint(
    folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], progress: PretrainingProgress
) -> None:
    """Write weights, the optimizers' state and the progress as one safetensors file, whole or not at all."""
    tensors = training_tensors(model, optimizers)
    write_checkpoint(folder, step=progress.step, tensors=tensors, progress=asdict(progress))


def load_checkpoint(folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> PretrainingProgress:
    """Restore weights and the optimizers' state, in place, and return the progress; a new one without a checkpoint."""
    checkpoint = read_checkpoint(folder)
    if checkpoint is None:
        return PretrainingProgress()
    tensors, progress = checkpoint
    restore_training(tensors, model, optimizers)
    return PretrainingProgress(**progress)
