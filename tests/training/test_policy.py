from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from shared.tiny_models import make_tiny_lm, tiny_policy
from torch import nn

from course_lib.training.frozen_trunk import FrozenTrunk
from course_lib.training.language_model import hidden_states, load_language_model


class SuccessorTrunk(nn.Module):
    def forward(self, input_ids, attention_mask, use_cache):
        return SimpleNamespace(last_hidden_state=1e4 * nn.functional.one_hot(input_ids + 1, 10).float())


class Successor(nn.Module):
    """A language model that is certain that token n + 1 follows token n."""

    def __init__(self, vocab_size: int = 10):
        super().__init__()
        self.config = SimpleNamespace(hidden_size=vocab_size)
        self.base_model = SuccessorTrunk()
        self.head = nn.Linear(vocab_size, vocab_size, bias=False)
        nn.init.eye_(self.head.weight)

    def get_output_embeddings(self):
        return self.head


def test_each_token_is_scored_by_the_logits_one_place_to_its_left():
    token_ids = torch.tensor([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7]])
    output = tiny_policy(Successor())(token_ids, torch.ones(2, 3, dtype=torch.bool))
    assert output.logprobs.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_the_value_of_a_token_is_read_before_it():
    policy = tiny_policy(Successor())
    with torch.no_grad():
        policy.value_head.weight.copy_(torch.arange(10.0) / 1e4)  # the value is the number of the token expected next
    values = policy(torch.tensor([[4, 5, 1, 8]]), torch.ones(1, 2, dtype=torch.bool)).values
    torch.testing.assert_close(values, torch.tensor([[6.0, 2.0]]))


def test_padding_to_the_right_changes_nothing(tiny_lm):
    policy = tiny_policy(tiny_lm)
    nn.init.normal_(policy.value_head.weight)
    token_ids, mask = torch.randint(3, 24, (2, 9)), torch.ones(2, 5, dtype=torch.bool)
    padded_ids = torch.cat([token_ids, torch.full((2, 3), 2)], dim=1)
    padded_mask = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    for plain, padded in zip(policy(token_ids, mask), policy(padded_ids, padded_mask), strict=True):
        torch.testing.assert_close(padded[:, :5], plain)
        assert (padded[:, 5:] == 0).all()


def test_temperature_divides_the_logits(tiny_lm):
    token_ids, mask = torch.randint(3, 24, (2, 9)), torch.ones(2, 5, dtype=torch.bool)
    tempered = tiny_policy(tiny_lm)(token_ids, mask, temperature=0.5).logprobs
    logits = tiny_lm(input_ids=token_ids).logits[:, 3:-1] / 0.5
    torch.testing.assert_close(tempered, -nn.functional.cross_entropy(logits.mT, token_ids[:, 4:], reduction="none"))


def test_dropout_is_off_even_in_training_mode():
    policy = tiny_policy(make_tiny_lm(dropout=0.5)).train()
    token_ids, mask = torch.randint(3, 24, (2, 9)), torch.ones(2, 5, dtype=torch.bool)
    assert torch.equal(policy(token_ids, mask).logprobs, policy(token_ids, mask).logprobs)


def test_values_start_at_zero_and_a_value_network_of_its_own_leaves_the_policy_alone(tiny_lm):
    token_ids, mask = torch.randint(3, 24, (2, 9)), torch.ones(2, 5, dtype=torch.bool)
    policy = tiny_policy(tiny_lm, value_trunk=make_tiny_lm(seed=1).base_model)
    assert (policy(token_ids, mask).values == 0).all()
    nn.init.ones_(policy.value_head.weight)
    policy(token_ids, mask).values.sum().backward()
    assert all(parameter.grad is None for parameter in policy.lm.parameters())
    assert any(parameter.grad is not None for parameter in policy.value_trunk.parameters())


def test_a_checkpoint_as_the_hub_has_gpt2_loads_with_its_names_and_its_causal_masks(checkpoint):
    expected, _ = load_language_model(checkpoint)
    path = checkpoint / "model.safetensors"
    weights = {name.removeprefix("transformer."): tensor for name, tensor in load_file(path).items()}
    masks = {f"h.{layer}.attn.bias": torch.ones(1, 1, 48, 48).tril() for layer in range(2)}
    save_file(weights | masks, path, metadata={"format": "pt"})
    loaded, _ = load_language_model(checkpoint)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in expected.state_dict().items())


def test_a_frozen_trunk_reads_a_text_once_and_says_the_same_of_it_in_any_company():
    trunk = make_tiny_lm(dropout=0.0).base_model
    frozen, read = FrozenTrunk(make_tiny_lm(dropout=0.0).base_model), []
    frozen.trunk.register_forward_pre_hook(
        lambda _, __, inputs: read.append(len(inputs["input_ids"])), with_kwargs=True
    )
    token_ids, lengths = torch.randint(3, 24, (6, 9)), torch.tensor([9, 4, 5, 6, 7, 8])
    real = torch.arange(9) < lengths[:, None]
    expected = hidden_states(trunk, token_ids, lengths) * real[..., None]
    torch.testing.assert_close(frozen.states(token_ids, lengths), expected)
    rows = torch.tensor([4, 1])
    torch.testing.assert_close(frozen.states(token_ids[rows, :7], lengths[rows]), expected[rows, :7])
    assert sum(read) == 6
    other = torch.randint(3, 24, (5, 9))
    mixed, mixed_lengths = torch.cat([other, token_ids[:1]]), torch.full((6,), 9)
    torch.testing.assert_close(frozen.states(mixed, mixed_lengths), hidden_states(trunk, mixed, mixed_lengths))
    assert len(frozen.known) == 6  # what was known of the other batch is forgotten


def test_what_a_frozen_trunk_says_of_a_batch_does_not_depend_on_the_one_before():
    read, frozen = [], FrozenTrunk(make_tiny_lm(dropout=0.0).base_model)
    frozen.trunk.register_forward_pre_hook(
        lambda _, __, inputs: read.append(len(inputs["input_ids"])), with_kwargs=True
    )
    batch, lengths = torch.randint(3, 24, (8, 9)), torch.full((8,), 9)
    frozen.states(batch, lengths)
    again = torch.cat([batch[:7], torch.randint(3, 24, (1, 9))])  # a policy that repeats itself
    assert torch.equal(frozen.states(again, lengths), FrozenTrunk(frozen.trunk).states(again, lengths))
    assert read == [8, 8, 8]  # a run that goes on knows nothing of the batch before, and must find the same bits


def left_filled(*texts, bos=0):
    """Texts of different lengths in one batch, filled with bos in front; each begins with its own bos."""
    width = max(map(len, texts))
    return torch.tensor([[bos] * (width - len(text)) + text for text in texts])


@pytest.mark.parametrize("values_from", ["policy", "separate", "frozen"])
def test_a_shorter_prompt_is_read_as_if_it_stood_alone(tiny_lm, values_from):
    trunk = {"policy": None, "separate": make_tiny_lm(seed=1).base_model}.get(
        values_from, FrozenTrunk(make_tiny_lm(seed=1).base_model)
    )
    policy = tiny_policy(tiny_lm, bos_id=0, value_trunk=trunk)
    nn.init.normal_(policy.value_head.weight)
    texts = [[0, 9, 4, 5, 6], [0, 7, 8, 9, 3, 4, 5, 6], [0, 3, 4, 5, 6]]  # each with a response of three tokens
    mask = torch.tensor([[True] * 3, [True] * 3, [True, True, False]])
    together = policy(left_filled(*texts), mask)
    for row, text in enumerate(texts):
        alone = policy(torch.tensor([text]), mask[row : row + 1])
        for columns, column in zip(together, alone, strict=True):
            torch.testing.assert_close(columns[row], column[0])


def test_a_text_begins_with_the_last_of_the_bos_tokens_in_front_of_its_prompt():
    policy = tiny_policy(bos_id=0)
    prompts = left_filled([0, 5], [0, 5, 0, 7], [0], [0, 3, 4])
    assert policy.begins(prompts).tolist() == [2, 0, 3, 1]
    assert policy.begins(torch.tensor([[5, 0], [3, 3]])).tolist() == [0, 0]
    assert tiny_policy().begins(prompts).tolist() == [0, 0, 0, 0]
