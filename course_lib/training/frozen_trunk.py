"""A trunk that does not learn, so that a text goes through it once, however many passes are made over it."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from course_lib.training.language_model import hidden_states


class FrozenTrunk(nn.Module):
    """Remembers the states of the batch that it was last given, for the passes over it."""

    def __init__(self, trunk: nn.Module):
        super().__init__()
        self.trunk = trunk.requires_grad_(False)
        self.known: dict[tuple[int, ...], Float[Tensor, "length width"]] = {}

    @torch.no_grad()
    def states(
        self, token_ids: Int[Tensor, "batch length"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch length width"]:
        """As `hidden_states` of the trunk, without a gradient; 0 behind the end of a text."""
        texts = [tuple(row[:end]) for row, end in zip(token_ids.tolist(), lengths.tolist(), strict=True)]
        if not self.known.keys() >= {*texts}:
            # another batch: all of it is read anew, since in other company a text's last bits are others
            states = hidden_states(self.trunk, token_ids, lengths)
            self.known = {text: row[: len(text)] for text, row in zip(texts, states, strict=True)}
        states = pad_sequence([self.known[text] for text in texts], batch_first=True)
        return F.pad(states, (0, 0, 0, token_ids.shape[1] - states.shape[1]))
