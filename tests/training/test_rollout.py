import torch
from shared.tiny_models import EOS, PAD, make_tiny_lm, tiny_policy

from course_lib.training.rollout import draw as draw_token
from course_lib.training.rollout import sample


def draw(lm, prompt_ids, *, seed=0, response_len=10, temperature=1.0, pad_id=PAD):
    return sample(
        tiny_policy(lm, pad_id=pad_id),
        prompt_ids,
        response_len=response_len,
        temperature=temperature,
        generator=torch.Generator().manual_seed(seed),
    )


def prompts(count, length=4):
    return torch.randint(3, 24, (count, length), generator=torch.Generator().manual_seed(7))


def test_near_temperature_zero_every_row_follows_the_argmax_of_a_full_forward(tiny_lm):
    """With the KV cache and after rows have left the batch, each row must still see its own past."""
    tiny_lm.lm_head.weight = torch.nn.Parameter(torch.randn(24, 16))  # untied, or the argmax repeats the last token
    rollout = draw(tiny_lm, prompts(64), temperature=1e-5)
    lengths = rollout.response_mask.sum(dim=1)
    assert lengths.min() < lengths.max(), "the case needs rows that end at different times"
    for row, prompt in enumerate(rollout.prompt_ids):
        token_ids = prompt
        for t in range(lengths[row]):
            expected = tiny_lm(input_ids=token_ids[None]).logits[0, -1].argmax()
            assert rollout.response_ids[row, t] == expected
            token_ids = torch.cat([token_ids, expected[None]])


def test_a_prompt_shorter_than_the_others_is_continued_as_if_it_stood_alone(tiny_lm):
    tiny_lm.lm_head.weight = torch.nn.Parameter(torch.randn(24, 16))
    lengths = torch.tensor([0, 3, 1, 2] * 16)  # so many bos tokens stand in front of the prompt's own
    prompt_ids = prompts(64, length=5) * (torch.arange(5) > lengths[:, None])
    options = {"response_len": 10, "temperature": 1e-5, "generator": torch.Generator().manual_seed(0)}
    rollout = sample(tiny_policy(tiny_lm, bos_id=0), prompt_ids, **options)
    assert 0 < rollout.ended.sum() < 64, "the case needs rows that leave the batch"
    for row, begin in enumerate(lengths):
        token_ids = prompt_ids[row, begin:]
        for response_id in rollout.response_ids[row][rollout.response_mask[row]]:
            assert response_id == tiny_lm(input_ids=token_ids[None]).logits[0, -1].argmax()
            token_ids = torch.cat([token_ids, response_id[None]])


def test_tokens_are_drawn_from_the_softmax_at_the_given_temperature(tiny_lm):
    prompt = prompts(1)
    temperature = 0.7
    expected = torch.softmax(tiny_lm(input_ids=prompt).logits[0, -1] / temperature, dim=-1)
    drawn = draw(tiny_lm, prompt.expand(20_000, -1), response_len=1, temperature=temperature).response_ids[:, 0]
    observed = torch.bincount(drawn, minlength=24) / 20_000
    assert (observed - expected).abs().max() < 0.015  # 4 standard errors of a share of one half


def test_a_response_ends_with_eos_and_only_padding_follows(tiny_lm):
    rollout = draw(tiny_lm, prompts(200))
    for ids, mask, ended in zip(rollout.response_ids, rollout.response_mask, rollout.ended, strict=True):
        length = int(mask.sum())
        assert mask[:length].all()
        assert (ids[length:] == PAD).all()
        assert (ids[: length - 1] != EOS).all()
        assert (ids[length - 1] == EOS) == ended
        assert ended or length == 10
    assert 0 < rollout.ended.sum() < 200


def test_eos_is_real_even_where_padding_has_the_same_id(tiny_lm):
    rollout = draw(tiny_lm, prompts(200), pad_id=EOS)
    assert torch.equal(rollout.response_mask, draw(tiny_lm, prompts(200)).response_mask)
    assert (rollout.response_ids[rollout.response_mask] == EOS).sum() == rollout.ended.sum()


def test_the_batch_is_cut_to_its_longest_response():
    lm = make_tiny_lm()
    always_eos = lm.lm_head.weight.new_zeros(24, 16)
    lm.lm_head.weight = torch.nn.Parameter(always_eos)
    lm.lm_head.bias = torch.nn.Parameter(torch.zeros(24).index_fill(0, torch.tensor([EOS]), 100.0))
    rollout = draw(lm, prompts(5))
    assert rollout.response_ids.tolist() == [[EOS]] * 5
    assert rollout.ended.all()


def test_no_work_is_spent_on_rows_that_have_ended(tiny_lm):
    rows_seen = []
    hook = tiny_lm.base_model.register_forward_pre_hook(
        lambda module, args, kwargs: rows_seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    rollout = draw(tiny_lm, prompts(200))
    hook.remove()
    still_running = [200] + [int((rollout.response_mask.sum(dim=1) > t).sum()) for t in range(1, len(rows_seen))]
    assert rows_seen == still_running


def test_the_same_seed_draws_the_same_texts(tiny_lm):
    first, again, other = (draw(tiny_lm, prompts(8), seed=seed).token_ids for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert first.shape != other.shape or not torch.equal(first, other)


def test_a_token_without_probability_is_never_drawn_and_shares_are_right_to_the_last_token():
    probabilities = torch.tensor([[0.0, 0.25, 0.0, 0.5, 0.0, 0.25, 0.0]]).expand(40_000, -1)
    drawn = draw_token(probabilities, torch.Generator().manual_seed(0))[:, 0]
    shares = torch.bincount(drawn, minlength=7) / len(drawn)
    assert shares[[0, 2, 4, 6]].tolist() == [0, 0, 0, 0]
    assert (shares - probabilities[0]).abs().max() < 0.01  # 4 standard errors
