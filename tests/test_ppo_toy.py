"""PPO against the exact answer: on a language small enough to enumerate, the optimum is known in closed form."""

import itertools
from types import SimpleNamespace

import torch
from torch import Tensor, nn

from course_lib.equations.logprobs import entropy, token_logprobs
from course_lib.training.policy import PolicyOutput, pad
from course_lib.training.ppo import ppo
from course_lib.training.rollout import Rollout
from course_lib.training.settings import PPOSettings

VOCAB, LENGTH, BOS, EOS = 4, 3, 0, 99  # no text of the toy language ends before its third token
TEXTS = torch.tensor(list(itertools.product(range(VOCAB), repeat=LENGTH)))


class Prefix:
    """Stands for the KV cache: the tokens read so far."""

    def __init__(self, token_ids: Tensor):
        self.token_ids = token_ids

    def batch_select_indices(self, rows: Tensor) -> None:
        self.token_ids = self.token_ids[rows]


class TabularLanguageModel(nn.Module):
    """One row of logits for each of the prefixes '', 'a', ..., 'dd'."""

    def __init__(self, generator: torch.Generator):
        super().__init__()
        self.logits = nn.Parameter(torch.randn(1 + VOCAB + VOCAB**2, VOCAB, generator=generator))

    def forward(self, input_ids, past_key_values=None, use_cache=True, logits_to_keep=1):
        seen = input_ids if past_key_values is None else torch.cat([past_key_values.token_ids, input_ids], dim=1)
        return SimpleNamespace(logits=self.logits[state_of(seen[:, 1:])][:, None], past_key_values=Prefix(seen))


def state_of(prefix: Tensor) -> Tensor:
    state = torch.zeros(len(prefix), dtype=torch.long)
    for column in prefix.T:
        state = state * VOCAB + column + 1
    return state


class TabularPolicy(nn.Module):
    def __init__(self, lm: TabularLanguageModel):
        super().__init__()
        self.lm = lm
        self.values = nn.Parameter(torch.zeros(len(lm.logits)))

    def forward(self, token_ids, response_mask, *, temperature=1.0):
        response = token_ids[:, 1:]
        states = torch.stack([state_of(response[:, :t]) for t in range(LENGTH)], dim=1)
        logits = self.lm.logits[states]
        return PolicyOutput(
            token_logprobs(logits, response, temperature=temperature),
            entropy(logits, temperature=temperature),
            self.values[states],
        )


def text_probabilities(policy: TabularPolicy) -> Tensor:
    token_ids = torch.cat([torch.full((len(TEXTS), 1), BOS), TEXTS], dim=1)
    return policy(token_ids, torch.ones_like(TEXTS, dtype=torch.bool)).logprobs.sum(dim=1).exp().detach()


def test_ppo_reaches_the_optimum_of_the_kl_penalised_objective():
    generator = torch.Generator().manual_seed(0)
    lm = TabularLanguageModel(generator)
    policy, reference = TabularPolicy(lm), TabularPolicy(TabularLanguageModel(generator))
    reference.load_state_dict(policy.state_dict())
    reward_of_text = torch.randn(len(TEXTS), generator=generator)
    kl_coef = 0.5

    def score(rollout: Rollout) -> Tensor:
        return reward_of_text[(rollout.response_ids * torch.tensor([16, 4, 1])).sum(dim=1)]

    reference_probabilities = text_probabilities(reference)
    optimum = reference_probabilities * (reward_of_text / kl_coef).exp()
    optimum /= optimum.sum()
    assert total_variation(reference_probabilities, optimum) > 0.3

    settings = PPOSettings(
        iterations=100,
        epochs=2,
        batch_size=1024,
        response_len=LENGTH,
        temperature=1.0,
        learning_rate=0.03,
        kl_coef=kl_coef,
        missing_eos_penalty=0.0,
        vf_coef=1.0,
        lam=1.0,
        max_grad_norm=0.0,
        value_clip_eps=0.0,
    )
    prompts = torch.full((1, 1), BOS)
    for record in ppo(
        policy, reference, prompts, score, settings=settings, eos_id=EOS, pad_id=EOS, generator=generator
    ):
        assert record["response_length"] == LENGTH
    assert total_variation(text_probabilities(policy), optimum) < 0.005


def total_variation(p: Tensor, q: Tensor) -> float:
    return 0.5 * (p - q).abs().sum().item()


def test_pad_puts_tokens_back_in_their_rows():
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert pad(torch.tensor([1.0, 2.0, 3.0]), mask).tolist() == [[1, 2, 0], [3, 0, 0]]
