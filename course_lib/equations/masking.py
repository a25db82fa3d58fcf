"""Statistics over the real tokens of a padded batch; what stands at padding, even NaN, changes nothing."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


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


def whiten(
    values: Float[Tensor, "*shape"], mask: Bool[Tensor, "*shape"], *, shift_mean: bool = True, eps: float = 1e-8
) -> Float[Tensor, "*shape"]:
    """Scale the real values to variance 1 and, unless shift_mean is False, shift them to mean 0.

    whitened = (values - mean) / sqrt(variance + eps), plus mean if not shift_mean; 0 at padding.
    Mean and population variance (divided by n, not n - 1) are those of the real values alone, in double precision.
    NaN where eps is 0 and the values do not vary.

    Raises:
        ValueError: the mask is not boolean, has another shape than the values, or is True nowhere.

    Source: OpenAI's lm-human-preferences, utils/core.py, the code of Ziegler et al. 2019 (arXiv 1909.08593).
    """
    # In single precision the square of 1e20 is infinite, and equal values differ from their mean by a rounding error.
    real = real_values(values, mask).double()
    whitened = (real - real.mean()) * torch.rsqrt(real.var(correction=0) + eps)
    if not shift_mean:
        whitened = whitened + real.mean()
    return torch.zeros_like(values).masked_scatter(mask, whitened.to(values.dtype))
