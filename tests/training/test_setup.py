import copy

import pytest
import torch
from shared.tiny_models import byte_tokenizer, save_tiny_lm

from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.ratings import RatedSentence
from course_lib.training.relatives.on_policy import RLOO
from course_lib.training.reward_model import load_reward_model
from course_lib.training.scorer import review_prompts
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup


def prompts_of(*texts, prompt_len=4):
    sentences = [RatedSentence(number, text, (1,), "test") for number, text in enumerate(texts)]
    rows = review_prompts(sentences, byte_tokenizer(), prompt_len=prompt_len)
    return {byte_tokenizer().decode(row[1:]) for row in rows}


def test_a_prompt_ends_where_a_word_ends_and_leaves_something_to_write():
    assert prompts_of(
        "This film is good.",  # a word ends, three follow
        "Films are made of it.",  # the word goes on
        "This is it.",  # two words are left
        "Ugh,  it is what it is.",  # punctuation belongs to its word
        "Well. ",
        "A",
    ) == {"This", "Ugh,"}


def test_a_prompt_length_that_leaves_no_prompt_is_refused():
    with pytest.raises(CourseError, match=r"end a word after 7 tokens .* change --prompt-len"):
        prompts_of("This film is good.", prompt_len=7)


@pytest.fixture(scope="module")
def setup():
    return Setup(RunSettings(evaluation_prompts=10_000))


def test_scores_are_0_on_average_where_training_and_evaluation_begin(setup):
    scorer, generator = setup.scorer(load_reward_model(REWARD_MODEL)), torch.Generator().manual_seed(5)
    for prompts in (setup.training_prompts, setup.test_prompts, setup.test_prompts[:256].repeat(2, 1)):
        scores = scorer.score(setup.continue_prompts(prompts, generator))
        assert abs(scores.mean().item()) < 0.12  # three standard errors
        assert scores.std().item() == pytest.approx(1, abs=0.1)


def test_values_begin_as_the_score_of_the_text_so_far_and_the_trunk_they_are_read_from_does_not_learn(setup):
    reward_model = load_reward_model(REWARD_MODEL)
    setup.scorer(reward_model)
    policy = copy.deepcopy(setup.policy)
    policy.read_values_from(reward_model)
    rollout = setup.continue_prompts(setup.training_prompts[:8], torch.Generator().manual_seed(0))
    values = policy(rollout.token_ids, rollout.response_mask).values
    row = max(range(8), key=lambda number: rollout.response_mask[number].sum())
    prefix = rollout.token_ids[row, : setup.training_prompts.shape[1] + 3]  # before the fourth token of the response
    running = reward_model.lm.score(reward_model.lm.transformer(prefix[None]).last_hidden_state[0, -1])
    assert values[row, 3].item() == pytest.approx((reward_model.gain * running + reward_model.bias).item(), abs=1e-5)
    values.sum().backward()
    assert policy.value_head.weight.grad is not None
    assert all(parameter.grad is None for parameter in [*policy.lm.parameters(), *policy.value_trunk.parameters()])
    assert all(parameter.requires_grad for parameter in reward_model.parameters())


@pytest.mark.parametrize("value_network", ["policy", "separate"])
def test_values_begin_at_zero_without_the_reward_model(value_network):
    setup = Setup(RunSettings(value_network=value_network))
    reward_model = load_reward_model(REWARD_MODEL)
    progress = setup.start(reward_model)
    assert not setup.policy.value_head.weight.any()
    learning = sum(parameter.numel() for parameter in progress.optimizer.param_groups[0]["params"])
    own = sum(parameter.numel() for parameter in setup.policy.lm.parameters())
    assert (learning > 1.5 * own) == (value_network == "separate")


def test_a_method_without_a_critic_carries_none():
    setup = Setup(RunSettings(batch_size=8, iterations=1, response_len=4))
    next(setup.records(setup.scorer(load_reward_model(REWARD_MODEL)), method=RLOO()))
    assert setup.policy.value_trunk is None


def test_where_the_reward_model_reads_other_tokens_values_come_from_the_policy_which_is_said(tmp_path, capsys):
    setup = Setup(RunSettings(model=str(save_tiny_lm(tmp_path)), batch_size=4, iterations=1))
    record = next(setup.records(setup.scorer(load_reward_model(REWARD_MODEL))))
    assert setup.policy.value_trunk is None
    assert record["explained_variance"] == pytest.approx(0, abs=1e-3)
    assert "cannot read the policy's tokens" in capsys.readouterr().err
