"""Several processes that train one policy, as `accelerate launch` starts them; or one process, as usual.

Each samples and scores its share of a batch, all learn from the whole of it: each takes its share of every minibatch,
and the gradients are added up.
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.training.files.errors import CourseError
from course_lib.training.progress import ALONE, Team
from course_lib.training.record import Record
from course_lib.training.rollout import Rollout


class Launched(Team):
    """A team of several, which talks through accelerate."""

    def __init__(self, *, device: str):
        from accelerate import PartialState, utils

        state = PartialState(cpu=device == "cpu")
        self.rank, self.size, self.device, self.utils = state.process_index, state.num_processes, state.device, utils

    def talk(self, operation: Callable[..., Tensor], tensor: Tensor, **options) -> Tensor:
        """Do something together with the other ranks; CourseError where one of them has ended."""
        try:
            return operation(tensor, **options)
        except RuntimeError as error:
            raise CourseError(
                f"Expected {self.size} processes to train together, but one has ended (rank {self.rank} says: "
                f"{str(error).splitlines()[0]:.120}); read what that one said, and go on with --resume."
            ) from None

    def gather(self, rows: Tensor) -> Tensor:
        """As in Team."""
        return self.talk(self.utils.gather, rows.contiguous())

    def from_first(self, tensor: Tensor) -> Tensor:
        """As in Team."""
        return self.talk(self.utils.broadcast, tensor, from_process=0)

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum over all ranks."""
        return self.talk(self.utils.reduce, tensor.detach().clone(), reduction="sum")

    def add_up_gradients(self, model: nn.Module) -> None:
        """As in Team; one message for all gradients."""
        parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
        total = self.add_up(nn.utils.parameters_to_vector([parameter.grad for parameter in parameters]))
        for parameter, grad in zip(parameters, total.split([p.numel() for p in parameters]), strict=True):
            parameter.grad.copy_(grad.view_as(parameter))

    def mean(self, record: Record, share: Tensor | float) -> Record:
        """As in Team: each rank's metrics count as much as its share; `ratio_max` is the largest of all."""
        metrics = torch.tensor(list(record.values()), dtype=torch.float64, device=self.device)
        mean = dict(zip(record, self.add_up(share * metrics).tolist(), strict=True))
        largest = dict(zip(record, self.gather(metrics[None]).amax(dim=0).tolist(), strict=True))
        return mean | {name: largest[name] for name in record.keys() & {"ratio_max"}}

    def pool(self, rollout: Rollout, *, response_len: int, pad_id: int) -> Rollout:
        """As in Team; ranks whose longest responses differ meet at the width `response_len`."""
        missing = response_len - rollout.response_ids.shape[1]
        response_ids = self.gather(F.pad(rollout.response_ids, (0, missing), value=pad_id))
        response_mask = self.gather(F.pad(rollout.response_mask.long(), (0, missing))).bool()
        longest = int(response_mask.sum(dim=1).max())
        prompt_ids, ended = self.gather(rollout.prompt_ids), self.gather(rollout.ended.long()).bool()
        return Rollout(prompt_ids, response_ids[:, :longest], response_mask[:, :longest], ended)


def find_team(device: str) -> Team:
    """The team that `accelerate launch` has put this process in.

    Raises:
        CourseError: there is one, but accelerate is not installed.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    try:
        return Launched(device=device)
    except ImportError:
        raise CourseError(
            "Expected accelerate for a run of several processes, but it is not installed; "
            "run: pip install -c constraints.txt -e '.[parallel]'"
        ) from None
