"""The toy language: its texts are all of them, and what the tables say is what the sampler does."""

import torch

from course_lib.training.experiments.toy_language import (
    BOS,
    LENGTH,
    TEXTS,
    TabularLanguageModel,
    TabularPolicy,
    ToyTask,
    prefix_number,
    text_number,
    text_probabilities,
    total_variation,
)
from course_lib.training.rollout import Rollout, sample


def test_every_text_and_every_prefix_has_a_number_of_its_own():
    assert len({tuple(text) for text in TEXTS.tolist()}) == 4**3 == len(TEXTS)
    assert text_number(TEXTS).tolist() == list(range(64))
    assert prefix_number(TEXTS[:1, :0]).tolist() == [0]
    numbers = torch.cat([prefix_number(TEXTS[:, :length]) for length in range(LENGTH)])
    assert sorted(set(numbers.tolist())) == list(range(1 + 4 + 16))


def test_the_probabilities_of_the_texts_are_products_of_softmaxes():
    policy = TabularPolicy(TabularLanguageModel(torch.Generator().manual_seed(0)))
    probabilities, table = text_probabilities(policy), policy.lm.logits.softmax(dim=-1)
    torch.testing.assert_close(probabilities.sum(), torch.tensor(1.0))
    a_c_d = text_number(torch.tensor([[0, 2, 3]]))
    torch.testing.assert_close(probabilities[a_c_d][0], table[0, 0] * table[1, 2] * table[7, 3])


def test_texts_are_sampled_as_often_as_their_probabilities_say():
    generator = torch.Generator().manual_seed(0)
    policy = TabularPolicy(TabularLanguageModel(generator))
    prompts = torch.full((50_000, 1), BOS)
    rollout = sample(policy, prompts, response_len=LENGTH, temperature=1.0, generator=generator)
    shares = torch.bincount(text_number(rollout.response_ids), minlength=64) / len(prompts)
    assert not rollout.ended.any()
    assert total_variation(shares, text_probabilities(policy)) < 0.02


def test_total_variation_is_0_for_equals_and_1_for_what_never_meets():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.0, 1.0])
    assert total_variation(p, p) == 0
    assert total_variation(p, q) == 1
    assert total_variation(p, torch.tensor([0.25, 0.5, 0.25])) == 0.25


def test_a_policy_begins_at_the_reference_and_leaves_it_alone():
    task = ToyTask.draw(torch.Generator().manual_seed(0))
    policy = task.policy()
    assert total_variation(text_probabilities(policy), text_probabilities(task.reference)) == 0
    with torch.no_grad():
        policy.lm.logits[0, 0] += 5
    assert total_variation(text_probabilities(policy), text_probabilities(task.reference)) > 0.1
    assert policy.lm.logits.requires_grad
    assert not task.reference.lm.logits.requires_grad


def test_a_score_is_the_reward_of_the_text():
    task = ToyTask.draw(torch.Generator().manual_seed(0))
    ids = torch.tensor([[0, 0, 0], [3, 3, 3], [1, 0, 0]])
    rollout = Rollout(torch.zeros(3, 1, dtype=torch.long), ids, ids >= 0, ids[:, 0] < 0)
    assert task.score(rollout).tolist() == task.rewards[[0, 63, 16]].tolist()
