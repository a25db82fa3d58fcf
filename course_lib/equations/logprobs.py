"""What the logits of a language model say: log-probabilities of tokens and of texts, and entropy."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def token_logprobs(
    logits: Float[Tensor, "*shape vocab"],
    token_ids: Int[Tensor, "*shape"],
    *,
    temperature: float | int = 1.0,
) -> Float[Tensor, "*shape"]:
    """Give each token its log-probability: logprobs_t = log softmax(logits_t / temperature)[token_ids_t].

    logits_t must be the ones that predict token t: a model's output at position t - 1. The temperature must be
    the sampler's, or the ratio of PPO compares two different policies. Natural logarithm: nats. NaN where
    the largest logit is infinite, or becomes so when divided by the temperature.

    Raises:
        ValueError: the temperature is not positive.

    Source: Ziegler et al. 2019 (arXiv 1909.08593), in OpenAI's code lm-human-preferences, policy.py.
    """
    return _log_softmax(logits, temperature).gather(-1, token_ids.unsqueeze(-1).long()).squeeze(-1)


def text_logprobs(
    logprobs: Float[Tensor, "batch response_len"], response_mask: Bool[Tensor, "batch response_len"]
) -> Float[Tensor, " batch"]:
    """Give each response its log-probability, the sum over its real tokens: log p(text) = sum_t logprobs_t, in nats.

    Source: the chain rule of probability; Bengio et al. 2003, section 2 (JMLR 3, 1137).
    """
    return torch.where(response_mask, logprobs, 0.0).sum(dim=1)


def entropy(logits: Float[Tensor, "*shape vocab"], *, temperature: float | int = 1.0) -> Float[Tensor, "*shape"]:
    """Measure how undecided the policy is before each token: H_t = -sum_v p_tv log p_tv, in nats.

    p_t = softmax(logits_t / temperature). From 0 (one token is certain) to log(vocab) (all are equally likely).
    A token ruled out with a logit of -inf adds nothing. NaN as in `token_logprobs`.

    Raises:
        ValueError: the temperature is not positive.

    Source: the bonus S of PPO's equation 9, Schulman et al. 2017, section 5 (arXiv 1707.06347).
    """
    logprobs = _log_softmax(logits, temperature)
    # 0 * log 0 is NaN on a computer and 0 in the definition.
    return -(logprobs.exp() * torch.where(logprobs.isneginf(), 0.0, logprobs)).sum(-1)


def _log_softmax(logits: Float[Tensor, "*shape"], temperature: float | int) -> Float[Tensor, "*shape"]:
    if not temperature > 0:
        raise ValueError(f"expected a temperature above 0, got {temperature}")
    return torch.log_softmax(logits / temperature, dim=-1)
