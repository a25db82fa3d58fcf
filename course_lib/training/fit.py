"""The training loop of every reward model, and the two ways to learn from people: their ratings, their preferences."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from course_lib.equations.preferences import bradley_terry_loss, pair_accuracy
from course_lib.training.agreement import pearson_r
from course_lib.training.finite import clip_gradients, require_finite
from course_lib.training.own_equations import own
from course_lib.training.ratings import PreferencePair, RatedSentence
from course_lib.training.record import Record


class Examples(ABC):
    """What a reward model can learn from: so many examples, what the model says of some, and the loss that fits."""

    loss: Callable[[Tensor, Tensor], Tensor]

    @abstractmethod
    def __len__(self) -> int:
        """The number of examples."""

    @abstractmethod
    def read(
        self, model: nn.Module, rows: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        """The two columns that the loss of these examples compares."""

    @abstractmethod
    def measure(self, first: Float[Tensor, " rows"], second: Float[Tensor, " rows"]) -> Record:
        """Metrics of these columns."""


@dataclass(frozen=True)
class RatedTexts(Examples):
    """Texts (features, or token ids) with the number people gave each; loss = mean((score - rating)^2)."""

    inputs: Tensor
    ratings: Float[Tensor, " texts"]
    loss: ClassVar = staticmethod(F.mse_loss)

    def __len__(self) -> int:
        """The number of texts."""
        return len(self.inputs)

    def read(
        self, model: nn.Module, rows: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        """Scores, and the ratings that they should be."""
        return model(self.inputs[rows]), self.ratings[rows]

    def measure(self, first: Float[Tensor, " rows"], second: Float[Tensor, " rows"]) -> Record:
        """How scores go with ratings."""
        return {"pearson_r": pearson_r(first, second)}


@dataclass(frozen=True)
class PreferredTexts(Examples):
    """Texts (features, or token ids) and pairs of them, as row numbers: `chosen[i]` was preferred to `rejected[i]`.

    Bradley-Terry: loss = -mean(log sigmoid(chosen_rewards - rejected_rewards)).
    """

    inputs: Tensor
    chosen: Int[Tensor, " pairs"]
    rejected: Int[Tensor, " pairs"]
    loss: ClassVar = staticmethod(bradley_terry_loss)

    @classmethod
    def from_pairs(
        cls, inputs: Tensor, sentences: Sequence[RatedSentence], pairs: Sequence[PreferencePair]
    ) -> "PreferredTexts":
        """Number the pairs' sentences by their place in `sentences`, whose inputs these are."""
        row_of = {sentence.id: row for row, sentence in enumerate(sentences)}
        rows = torch.tensor([[row_of[pair.chosen.id], row_of[pair.rejected.id]] for pair in pairs])
        return cls(inputs, *rows.to(inputs.device).T)

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.chosen)

    def read(
        self, model: nn.Module, rows: Int[Tensor, " rows"]
    ) -> tuple[Float[Tensor, " rows"], Float[Tensor, " rows"]]:
        """Rewards of the chosen and of the rejected texts."""
        both = torch.cat([self.chosen[rows], self.rejected[rows]])
        return model(self.inputs[both]).chunk(2)

    def measure(self, first: Float[Tensor, " rows"], second: Float[Tensor, " rows"]) -> Record:
        """How often the chosen text has the higher reward."""
        return {"pair_accuracy": pair_accuracy(first, second).item()}


LEAST_STEPS = 30  # few examples are passed over more often


def enough_epochs(examples: int, *, batch_size: int) -> int:
    """So many passes over the examples that the training has its least steps."""
    return math.ceil(LEAST_STEPS / math.ceil(examples / batch_size))


@dataclass
class FitSettings:
    """Settings of the training loop."""

    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 3e-4  # at the first step; it falls linearly to 0, as in Ziegler et al. 2019
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    validate_every: int = 100  # steps


def fit(
    model: nn.Module,
    examples: Examples,
    *,
    settings: FitSettings,
    generator: torch.Generator,
    loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    validate: Callable[[nn.Module], Record] | None = None,
) -> Iterator[Record]:
    """Train `model` in place and yield one record of named metrics a step; to stop, do not ask for the next.

    `loss` takes the two columns that the examples give, scores and ratings, or chosen and rejected rewards; where none
    is given, it is the examples' own: mean squared error, or Bradley-Terry.

    The generator shuffles the examples anew for each epoch: the same seed gives the same model. Every
    `validate_every` steps, and at the end, what `validate(model)` finds is added to the record. Raises NotFiniteError
    where the loss or a gradient is not finite.
    """
    compare = own("loss", loss) if loss else examples.loss
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    batches = [
        (epoch + 1, rows)
        for epoch in range(settings.epochs)
        for rows in torch.randperm(len(examples), generator=generator).split(settings.batch_size)
    ]
    for step, (epoch, rows) in enumerate(batches, start=1):
        learning_rate = settings.learning_rate * (1 - (step - 1) / len(batches))
        optimizer.param_groups[0]["lr"] = learning_rate
        model.train()
        columns = examples.read(model, rows)
        loss_of_rows = compare(*columns)
        require_finite(step, "the loss", loss_of_rows)
        optimizer.zero_grad()
        loss_of_rows.backward()
        clip_gradients(step, model, settings.max_grad_norm)
        optimizer.step()
        model.eval()
        record = {"step": step, "epoch": epoch, "learning_rate": learning_rate, "loss": loss_of_rows.item()}
        record |= examples.measure(*(column.detach() for column in columns))
        if validate and (step % settings.validate_every == 0 or step == len(batches)):
            record |= {f"validation_{name}": value for name, value in validate(model).items()}
        yield record
