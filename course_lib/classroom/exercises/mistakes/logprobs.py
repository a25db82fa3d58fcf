"""Wrong versions of the exercises on what logits say: log-probabilities of tokens, and entropy."""

import math

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import logprobs


def _chosen(scores, token_ids):
    return scores.gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)


def _log_of_no_less(eps):
    return lambda logits, token_ids, *, temperature: _chosen(
        ((logits / temperature).softmax(-1) + eps).log(), token_ids
    )


TOKEN_LOGPROBS = Exercise(
    reference=logprobs.token_logprobs,
    success="each token has the log-probability that it had when it was sampled, at the sampler's temperature.",
    gradient_of=("logits",),
    probes=[
        probe(logits=[[0, 2]], token_ids=[0], temperature=1.0),
        probe(logits=[[0, 2]], token_ids=[0], temperature=2.0),
        probe(logits=[[0, 200]], token_ids=[0], temperature=1.0),
        probe(logits=[[[0, 1, 3], [2, 0, -1]]], token_ids=[[1, 2]], temperature=0.5),
    ],
    draw=lambda d: {
        "logits": d.numbers(d.batch, d.length, 3),
        "token_ids": d.ids(3),
        "temperature": d.one_of(0.5, 1.0, 2.0),
    },
    mistakes=[
        Mistake(
            "the temperature is forgotten",
            "The sampler divided the logits by it, so these are the probabilities of another policy.",
            lambda logits, token_ids, *, temperature: _chosen(logits.log_softmax(-1), token_ids),
        ),
        Mistake(
            "the logits are multiplied by the temperature",
            "Divide: a high temperature makes the probabilities more equal.",
            lambda logits, token_ids, *, temperature: _chosen((logits * temperature).log_softmax(-1), token_ids),
        ),
        Mistake(
            "the temperature divides the logprobs, not the logits",
            "Divide before the softmax, or the probabilities no longer add up to 1.",
            lambda logits, token_ids, *, temperature: _chosen(logits.log_softmax(-1) / temperature, token_ids),
        ),
        Mistake(
            "the probability is returned, without its logarithm",
            "Use log_softmax in the place of softmax.",
            lambda logits, token_ids, *, temperature: _chosen((logits / temperature).softmax(-1), token_ids),
        ),
        Mistake(
            "log2 stands in place of the natural logarithm",
            "All log-probabilities of the course are in nats.",
            lambda logits, token_ids, *, temperature: (
                _chosen((logits / temperature).log_softmax(-1), token_ids) / math.log(2)
            ),
        ),
        Mistake(
            "the softmax runs over the positions, not over the vocabulary",
            "The vocabulary is the last dimension: dim=-1.",
            lambda logits, token_ids, *, temperature: _chosen((logits / temperature).log_softmax(-2), token_ids),
        ),
        Mistake(
            "dim=1 runs over the tokens, not over the vocabulary, where there are several texts",
            "The vocabulary is the last dimension, of two as of three: dim=-1.",
            lambda logits, token_ids, *, temperature: _chosen((logits / temperature).log_softmax(1), token_ids),
        ),
        Mistake(
            "the logits themselves are returned",
            "A logit means something only beside the others: take log_softmax first.",
            lambda logits, token_ids, *, temperature: _chosen(logits / temperature, token_ids),
        ),
        Mistake(
            "the log-probability has a minus sign",
            "A log-probability is never above 0; its negative is the cross-entropy loss.",
            lambda logits, token_ids, *, temperature: -_chosen((logits / temperature).log_softmax(-1), token_ids),
        ),
        Mistake(
            "the softmax is taken twice",
            "log_softmax takes the logits themselves, not probabilities.",
            lambda logits, token_ids, *, temperature: _chosen(
                (logits / temperature).softmax(-1).log_softmax(-1), token_ids
            ),
        ),
        Mistake(
            "log(softmax) breaks for a very unlikely token",
            "Its softmax is 0 on a computer, and log 0 is -inf: torch.log_softmax does both steps safely.",
            lambda logits, token_ids, *, temperature: _chosen((logits / temperature).softmax(-1).log(), token_ids),
        ),
        Mistake(
            "a small number keeps p away from 0 in the logarithm of the softmax",
            "log(p + 1e-8) makes an unlikely token likelier than it is: torch.log_softmax is safe without it.",
            _log_of_no_less(1e-8),
            also=tuple(_log_of_no_less(eps) for eps in (1e-6, 1e-7, 1e-9, 1e-10, 1e-12)),
        ),
        Mistake(
            "the most likely token is taken, not the given one",
            "Use token_ids: the sampler does not always choose the most likely token.",
            lambda logits, token_ids, *, temperature: (logits / temperature).log_softmax(-1).max(-1).values,
        ),
        Mistake(
            "logits and tokens are shifted once more",
            "They are aligned already: logits[..., t, :] predict token t.",
            lambda logits, token_ids, *, temperature: _chosen(
                (logits / temperature).log_softmax(-1)[..., :-1, :], token_ids[..., 1:]
            ),
        ),
        Mistake(
            "the vocabulary's dimension is left at the end",
            "gather keeps it with size 1: add .squeeze(-1).",
            lambda logits, token_ids, *, temperature: (
                (logits / temperature).log_softmax(-1).gather(-1, token_ids.unsqueeze(-1))
            ),
        ),
        Mistake(
            "the logprobs are added up to one number",
            "PPO compares token by token: return one number per token.",
            lambda logits, token_ids, *, temperature: _chosen((logits / temperature).log_softmax(-1), token_ids).sum(),
        ),
    ],
)


def _entropy(logits):
    return -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1)


ENTROPY = Exercise(
    reference=logprobs.entropy,
    success="it is largest, log(vocab), when all tokens are equally likely, and near 0 when one is certain.",
    gradient_of=("logits",),
    probes=[
        probe(logits=[[0, 2]], temperature=1.0),
        probe(logits=[[0, 2]], temperature=2.0),
        probe(logits=[[0, 200]], temperature=1.0),
        probe(logits=[[[0, 1, 3], [2, 0, -1]]], temperature=0.5),
    ],
    draw=lambda d: {
        "logits": d.numbers(d.batch, d.length, 3, low=-15, high=15),
        "temperature": d.one_of(0.5, 1.0, 2.0),
    },
    mistakes=[
        Mistake(
            "the minus sign of the entropy is missing",
            "p log p is never above 0: entropy is minus its sum.",
            lambda logits, *, temperature: -_entropy(logits / temperature),
        ),
        Mistake(
            "the temperature is forgotten in the entropy",
            "Divide the logits by it: entropy is that of the policy which samples.",
            lambda logits, *, temperature: _entropy(logits),
        ),
        Mistake(
            "the logits are multiplied by the temperature in the entropy",
            "Divide: a high temperature means a high entropy.",
            lambda logits, *, temperature: _entropy(logits * temperature),
        ),
        Mistake(
            "the entropy is in bits",
            "Use the natural logarithm: two equal choices have entropy 0.693, not 1.",
            lambda logits, *, temperature: _entropy(logits / temperature) / math.log(2),
        ),
        Mistake(
            "the mean over the vocabulary is taken, not the sum",
            "Entropy is an expectation: the probabilities are its weights already, so add up.",
            lambda logits, *, temperature: _entropy(logits / temperature) / logits.shape[-1],
        ),
        Mistake(
            "the log-probabilities are not weighted",
            "Each log p counts with its probability: sum p * log p.",
            lambda logits, *, temperature: -(logits / temperature).log_softmax(-1).sum(-1),
        ),
        Mistake(
            "the sum over the vocabulary is missing",
            "One number per position is asked: .sum(-1).",
            lambda logits, *, temperature: -(logits / temperature).softmax(-1) * (logits / temperature).log_softmax(-1),
        ),
        Mistake(
            "the logits stand where log-probabilities should",
            "sum p * logits changes when all logits grow by the same amount: use log_softmax.",
            lambda logits, *, temperature: -((logits / temperature).softmax(-1) * logits / temperature).sum(-1),
        ),
        Mistake(
            "the mean over the positions is taken",
            "Return one entropy per position.",
            lambda logits, *, temperature: _entropy(logits / temperature).mean(),
        ),
        Mistake(
            "all positions are added into one number",
            "Add up over the vocabulary alone, one number per position: .sum(-1).",
            lambda logits, *, temperature: _entropy(logits / temperature).sum(),
        ),
        Mistake(
            "p * log(p) breaks for a very unlikely token",
            "Its softmax is 0 on a computer, and 0 * log 0 is NaN: take the log-probabilities from torch.log_softmax.",
            lambda logits, *, temperature: -((p := (logits / temperature).softmax(-1)) * p.log()).sum(-1),
        ),
        Mistake(
            "the gradient of torch.special.entr is NaN for a very unlikely token",
            "The value is right, but an entropy bonus could not be trained: take p and log p from torch.log_softmax.",
            lambda logits, *, temperature: torch.special.entr((logits / temperature).softmax(-1)).sum(-1),
        ),
    ],
)
