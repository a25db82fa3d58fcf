import copy

import pytest
import torch
from shared.tiny_models import PAD, make_tiny_lm, tiny_policy
from shared.tiny_ppo import (
    PROMPTS,
    begin,
    count_fives,
    experience_of,
    models,
    ppo_loss,
    small_settings,
    start,
    without_times,
)

from course_lib.training.files.errors import CourseError
from course_lib.training.ppo import PPO, train
from course_lib.training.settings import PPOSettings


def test_the_ratio_is_one_before_the_first_step():
    policy, reference, settings, _ = start()
    _, experience = experience_of(policy, reference, settings)
    _, record = ppo_loss(policy, experience, settings)
    assert record["ratio_max"] == pytest.approx(1, abs=1e-5)
    assert record["approx_kl"] == pytest.approx(0, abs=1e-6)
    assert record["clip_fraction"] == 0


def columns(experience):
    """Its tensors, by name."""
    return {name: value for name, value in vars(experience).items() if torch.is_tensor(value)}


def test_nothing_in_the_experience_carries_a_gradient():
    policy, reference, settings, _ = start()
    _, experience = experience_of(policy, reference, settings)
    assert not any(tensor.requires_grad for tensor in columns(experience).values())


def test_rewards_add_up_to_the_score_less_the_kl_penalty_and_the_missing_eos():
    policy = tiny_policy(make_tiny_lm(seed=0))
    reference = tiny_policy(make_tiny_lm(seed=1)).requires_grad_(False)
    settings = PPOSettings(missing_eos_penalty=2.5, temperature=1.0)
    rollout, experience = experience_of(policy, reference, settings, kl_coef=0.3)
    kl = (experience.old_logprobs - experience.ref_logprobs).sum(dim=1)
    assert kl.abs().min() > 0.1
    assert 0 < rollout.ended.sum() < 16
    for row in range(16):
        expected = count_fives(rollout)[row] - 0.3 * kl[row] - (0 if rollout.ended[row] else 2.5)
        torch.testing.assert_close(experience.rewards[row].sum(), expected)


class Watched(PPO):
    """PPO that keeps what it takes steps on."""

    def __post_init__(self):
        super().__post_init__()
        self.seen = []

    def loss(self, new, minibatch, **options):
        self.seen.append(minibatch)
        return super().loss(new, minibatch, **options)


def test_a_step_of_the_optimizer_for_every_minibatch_of_every_epoch():
    method, steps = Watched(), []
    (policy, reference), settings = models(), small_settings(iterations=2, epochs=3, minibatches=4)
    progress = begin(policy, settings)
    progress.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    list(train(policy, reference, PROMPTS, count_fives, settings=settings, method=method, progress=progress))
    assert [len(minibatch.token_ids) for minibatch in method.seen] == [4] * (2 * 3 * 4)
    assert len(steps) == 2 * 3 * 4


@pytest.mark.parametrize(("minibatches", "sizes"), [(4, [4, 4, 4, 4]), (3, [6, 5, 5]), (16, [1] * 16)])
def test_every_response_is_in_one_minibatch_of_each_epoch_and_minibatches_are_cut_to_their_longest(minibatches, sizes):
    policy, reference, settings, _ = start(epochs=1, minibatches=minibatches)
    _, experience = experience_of(policy, reference, settings)
    seen, found = [], []
    for minibatch in PPO().minibatches(experience, settings=settings, progress=begin(policy, settings)):
        assert minibatch.response_mask.any(dim=0).all(), "a column of nothing but padding"
        found.append(len(minibatch.token_ids))
        seen += [row[mask].tolist() for row, mask in zip(minibatch.old_logprobs, minibatch.response_mask, strict=True)]
    rows = zip(experience.old_logprobs, experience.response_mask, strict=True)
    assert sorted(seen) == sorted(row[mask].tolist() for row, mask in rows)
    assert found == sizes


def test_extra_padding_changes_neither_loss_nor_metrics():
    policy, reference, settings, _ = start()
    _, experience = experience_of(policy, reference, settings)
    padded = copy.copy(experience)
    for name, tensor in columns(experience).items():
        filler = torch.full((16, 3), 1e6).to(tensor.dtype) if name != "token_ids" else torch.full((16, 3), PAD)
        filler = torch.zeros(16, 3, dtype=torch.bool) if name == "response_mask" else filler
        setattr(padded, name, torch.cat([tensor, filler], dim=1))
    with torch.no_grad():
        policy.lm.lm_head.weight += 0.05 * torch.randn_like(policy.lm.lm_head.weight)
    loss, record = ppo_loss(policy, experience, settings)
    padded_loss, padded_record = ppo_loss(policy, padded, settings)
    torch.testing.assert_close(padded_loss, loss)
    assert padded_record == pytest.approx(record, rel=1e-4)


def test_with_all_else_off_one_update_is_the_lessons_sketch():
    """Clipped loss alone: several epochs over one batch, Adam, and nothing more."""
    off = {"vf_coef": 0.0, "kl_coef": 0.0, "missing_eos_penalty": 0.0, "max_grad_norm": 0.0, "minibatches": 1}
    off |= {"epochs": 5, "lam": 1.0, "whiten_advantages": False, "learning_rate": 3e-3}
    (policy, reference), settings, rollouts = models(), small_settings(iterations=1, **off), []
    sketch = copy.deepcopy(policy)

    def score(rollout):
        rollouts.append(rollout)
        return count_fives(rollout)

    list(train(policy, reference, PROMPTS, score, settings=settings, progress=begin(policy, settings)))
    (rollout,) = rollouts

    optimizer = torch.optim.Adam(sketch.parameters(), lr=3e-3, eps=1e-5)
    mask = rollout.response_mask
    advantages = count_fives(rollout)[:, None].expand(mask.shape)[mask]
    old_logprobs = None
    for _ in range(5):
        log_softmax = sketch.lm(input_ids=rollout.token_ids).logits[:, 3:-1].log_softmax(-1)
        logprobs = log_softmax.gather(2, rollout.response_ids[..., None])[..., 0][mask]
        old_logprobs = logprobs.detach() if old_logprobs is None else old_logprobs
        ratio = torch.exp(logprobs - old_logprobs)
        loss = -torch.min(ratio * advantages, torch.clamp(ratio, 0.8, 1.2) * advantages).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    moved = dict(tiny_policy().named_parameters())
    for (name, ours), theirs in zip(policy.named_parameters(), sketch.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-4, rtol=0, msg=name)
        assert name.startswith("value_head") or not torch.allclose(ours, moved[name], atol=1e-3)


def test_the_reference_does_not_move_and_kl_starts_at_zero():
    _, reference, _, records = start(learning_rate=1e-2)
    before = copy.deepcopy(reference.state_dict())
    first, *_, last = list(records)
    assert first["kl"] == pytest.approx(0, abs=1e-4)
    assert last["kl"] > 0.01
    assert all(torch.equal(tensor, before[name]) for name, tensor in reference.state_dict().items())


def test_it_learns_what_is_rewarded():
    *_, records = start(iterations=25, batch_size=64, learning_rate=3e-3, kl_coef=0.0)
    scores = [record["score"] for record in records]
    assert scores[-1] > scores[0] + 2


def test_a_low_target_kl_stops_the_passes():
    (policy, reference), settings = models(), small_settings(iterations=1, learning_rate=0.1, target_kl=0.01)
    progress, steps = begin(policy, settings), []
    progress.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    list(train(policy, reference, PROMPTS, count_fives, settings=settings, progress=progress))
    assert 1 <= len(steps) < settings.epochs * settings.minibatches


def test_gradients_are_clipped_to_the_given_norm():
    (policy, reference), settings, norms = models(), small_settings(iterations=1, max_grad_norm=0.01), []
    progress = begin(policy, settings)
    squares = lambda: sum((p.grad**2).sum() for p in policy.parameters() if p.grad is not None)  # noqa: E731
    progress.optimizer.register_step_pre_hook(lambda *_: norms.append(squares().sqrt().item()))
    (record,) = train(policy, reference, PROMPTS, count_fives, settings=settings, progress=progress)
    assert max(norms) <= 0.0101
    assert record["grad_norm"] > 0.0101, "the record tells the norm before clipping"


def test_the_optimizer_is_adam_as_openai_set_it_and_its_rate_falls_linearly(monkeypatch):
    made = []
    real = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, **options: made.append(real(*args, **options)) or made[0])
    *_, records = start(iterations=4, learning_rate=4e-4)
    assert [record["learning_rate"] for record in records] == pytest.approx([4e-4, 3e-4, 2e-4, 1e-4])
    assert made[0].param_groups[0]["betas"] == (0.9, 0.999)
    assert made[0].param_groups[0]["eps"] == 1e-5


def test_the_adaptive_coefficient_falls_while_kl_is_below_its_target():
    *_, records = start(kl_coef=0.05, kl_target=6.0, kl_horizon=160.0)
    coefficients = [record["kl_coef"] for record in records]
    assert coefficients == pytest.approx([0.05, 0.05 * 0.98, 0.05 * 0.98**2])  # -0.2 * 16 / 160 a step, far from 6


def test_settings_changed_between_two_steps_take_effect():
    _, _, settings, records = start(kl_coef=0.3)
    assert next(records)["kl_coef"] == 0.3
    settings.kl_coef = 0.7
    assert next(records)["kl_coef"] == 0.7


def test_the_same_seed_gives_the_same_numbers_to_the_last_bit():
    def run(seed):
        policy, *_, records = start(seed=seed)
        return [without_times(record) for record in records], policy.state_dict()

    (first, weights), (again, same_weights), (other, _) = run(0), run(0), run(1)
    assert first == again != other
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)


def test_a_separate_value_network_trains_without_touching_the_policys_gradient():
    policy = tiny_policy(value_trunk=make_tiny_lm().base_model)
    reference = tiny_policy().requires_grad_(False)
    settings = PPOSettings(temperature=1.0, vf_coef=1.0, whiten_advantages=False)
    _, experience = experience_of(policy, reference, settings, kl_coef=0.0)
    shared = tiny_policy()
    for candidate, vf_coef in ((policy, 1.0), (shared, 0.0)):
        settings.vf_coef = vf_coef
        ppo_loss(candidate, experience, settings)[0].backward()
    for (name, own), alone in zip(policy.lm.named_parameters(), shared.lm.parameters(), strict=True):
        torch.testing.assert_close(own.grad, alone.grad, msg=name)


def test_what_cannot_be_measured_is_none_and_not_nan():
    *_, records = start(iterations=1, score=lambda rollout: torch.zeros(16), missing_eos_penalty=0.0)
    assert next(records)["explained_variance"] is None


def test_the_first_step_over_a_batch_is_always_taken():
    *_, records = start(iterations=1, target_kl=1e-12)
    assert next(records)["grad_norm"] > 0


def test_more_minibatches_than_responses_are_refused():
    *_, records = start(minibatches=17)
    with pytest.raises(CourseError, match="17 minibatches in each of 1 processes, but there are 16"):
        next(records)
