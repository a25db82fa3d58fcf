"""Which tokens of a padded batch are real, and statistics over them; what stands at padding, even NaN, changes nothing.

And `less_first`, for whatever divides by a standard deviation: equal values then give no rounding error to divide by.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def response_mask(
    response_ids: Int[Tensor, "batch response_len"], *, eos_id: int
) -> Bool[Tensor, "batch response_len"]:
    """Tell real tokens from padding where the padding is eos: real is all that no eos precedes, the first eos too.

    response_mask_t = [none of response_ids_1 ... response_ids_{t-1} is eos]
    """
    is_eos = response_ids == eos_id
    return is_eos.cumsum(dim=1) - is_eos.int() == 0


def real_values(values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"]) -> Float[Tensor, " real"]:
    """Take the values where the mask is True, in one row; padding then gets no part in value or gradient.

    Raises:
        ValueError: the mask is not boolean, has another shape than the values, or is True nowhere.
    """
    if mask.dtype != torch.bool or mask.shape != values.shape:
        expected, got = f"a bool mask of shape {tuple(values.shape)}", f"{mask.dtype} of shape {tuple(mask.shape)}"
        raise ValueError(f"expected {expected}, got {got}")
    if not mask.any():
        raise ValueError(f"expected a mask with at least one True, got {mask.numel()} False")
    return values[mask]


def masked_mean(values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Average the values where the mask is True: mean = sum_i mask_i values_i / sum_i mask_i.

    Raises:
        ValueError: the mask is not boolean, has another shape than the values, or is True nowhere.
    """
    return real_values(values, mask).mean()


def less_first(values: Float[Tensor, "*rows n"]) -> Float[Tensor, "*rows n"]:
    """Take the first value of each row from all of them, so that equal ones are 0, and their variance is, exactly."""
    return values - values[..., :1]
