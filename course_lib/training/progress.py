"""Where a training stands, and who takes part in it: all that is not the algorithm, in one place."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from course_lib.training.finite import clip_gradients
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings


def learning(model: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """The weights that a training changes, by their names."""
    return [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]


class Team:
    """The processes that train together, and which of them this one is: alone, it is rank 0 of 1."""

    rank, size = 0, 1

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all ranks, those of rank 0 first; every rank gives as many."""
        return rows

    def from_first(self, tensor: Tensor) -> Tensor:
        """The tensor that rank 0 has."""
        return tensor

    def add_up_gradients(self, model: nn.Module) -> None:
        """Give every rank the sum of all gradients, in place."""

    def pool(self, rollout: Rollout, *, response_len: int, pad_id: int) -> Rollout:
        """The responses of all ranks as one batch."""
        return rollout

    def mean(self, record: Record, share: Tensor | float) -> Record:
        """The metrics of a minibatch whose tokens the ranks have shared out, `share` of them to this one."""
        return record


ALONE = Team()


@dataclass
class Progress:
    """With the weights, all that the next step of a training depends on."""

    optimizer: torch.optim.Optimizer
    generator: torch.Generator  # of every random draw
    kl_coef: float  # as it has been adapted
    step: int = 0  # steps taken
    team: Team = ALONE

    @classmethod
    def start(
        cls,
        policy: nn.Module,
        settings: PPOSettings,
        *,
        generator: torch.Generator | None = None,
        team: Team = ALONE,
    ) -> "Progress":
        """The progress of a training that has not begun; its draws follow from seed 0 unless a generator is given."""
        weights = [parameter for _, parameter in learning(policy)]
        adam = torch.optim.Adam(weights, lr=settings.learning_rate, eps=settings.adam_eps, fused=True)
        generator = generator or torch.Generator(next(policy.parameters()).device).manual_seed(0)
        return cls(adam, generator, settings.kl_coef, team=team)

    @property
    def learning_rate(self) -> float:
        """Adam's learning rate in this step."""
        return self.optimizer.param_groups[0]["lr"]

    def begin_step(self, settings: PPOSettings) -> None:
        """Count a step, set its learning rate, which falls linearly to 0, and its KL coefficient."""
        self.optimizer.param_groups[0]["lr"] = settings.learning_rate * (1 - self.step / settings.iterations)
        if not settings.kl_target:
            self.kl_coef = settings.kl_coef
        self.step += 1

    def clip_gradients(self, policy: nn.Module, settings: PPOSettings) -> float:
        """Add up the gradients of all processes and scale them down to their largest norm; returns the norm they had.

        Raises:
            NotFiniteError: a gradient is NaN or infinite.
        """
        self.team.add_up_gradients(policy)
        return clip_gradients(self.step, policy, settings.max_grad_norm or math.inf).item()

    def record(self) -> Record:
        """The step, and the rates that it was taken with."""
        return {"step": self.step, "kl_coef": self.kl_coef, "learning_rate": self.learning_rate}
