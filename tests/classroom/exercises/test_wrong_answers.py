"""Wrong answers that agree with the right one on most small inputs: each is refused, by its name where it has one."""

import math

import pytest
import torch
from torch.nn import functional as F

from course_lib.classroom.exercises.check import EXERCISES
from course_lib.classroom.exercises.verdict import verdict
from course_lib.equations import advantages as ours
from course_lib.equations import masking as ours_of_masks
from course_lib.equations import ppo
from course_lib.equations.advantages import td_residuals
from course_lib.training.texts import words

WRONG = []
UNNAMED = "the result is not the expected one"


def wrong(exercise, says=UNNAMED):
    """Collect a wrong answer to this exercise, and what the check must say of it."""

    def keep(function):
        WRONG.append(pytest.param(exercise, function, says, id=f"{exercise}-{function.__name__}"))
        return function

    return keep


@pytest.mark.parametrize(("exercise", "function", "says"), WRONG)
def test_a_wrong_answer_is_refused(exercise, function, says):
    first, *rows = verdict(EXERCISES[exercise], function).splitlines()
    assert first.startswith(f"Not yet: {says}"), first
    assert rows[0].startswith("  input: ")


RATIO_BOUNDS = {"to_twenty_nats": 20, "to_ten_nats": 10, "to_five_nats": 5, "to_two_nats": 2}
for name, bound in RATIO_BOUNDS.items():

    def log_ratio_clamped(logprobs, old_logprobs, bound=bound):
        return torch.exp((logprobs - old_logprobs).clamp(-bound, bound))

    log_ratio_clamped.__name__ = f"log_ratio_clamped_{name}"
    wrong("probability_ratio", "the ratio is kept within bounds" if bound >= 10 else UNNAMED)(log_ratio_clamped)


@wrong("probability_ratio")
def ratio_never_above_a_thousand(logprobs, old_logprobs):
    return torch.exp(logprobs - old_logprobs).clamp(max=1000)


@wrong("probability_ratio")
def ratio_to_first_order(logprobs, old_logprobs):
    difference = logprobs - old_logprobs
    return torch.where(difference.abs() > 3, 1 + difference, difference.exp())


@wrong("probability_ratio")
def ratio_never_below_a_tenth(logprobs, old_logprobs):
    return torch.exp(logprobs - old_logprobs).clamp(min=0.1)


@wrong("clipped_objective", "the lower bound of the clip is missing")
def clipped_for_positive_advantages_alone(ratio, advantages, *, clip_eps):
    clipped = torch.where(advantages > 0, ratio.clamp(1 - clip_eps, 1 + clip_eps), ratio)
    return torch.minimum(ratio * advantages, clipped * advantages)


@wrong("clipped_objective", "the lower bound of the clip is missing")
def minimum_with_the_absolute_advantage(ratio, advantages, *, clip_eps):
    return torch.minimum(ratio * advantages, (1 + clip_eps) * advantages.abs())


@wrong("clipped_objective", "the lower bound of the clip is missing")
def clamped_without_a_minimum(ratio, advantages, *, clip_eps):
    return torch.min(ratio * advantages, ratio.clamp(max=1 + clip_eps) * advantages)


@wrong("clipped_objective", "the upper bound of the clip is missing")
def clipped_for_negative_advantages_alone(ratio, advantages, *, clip_eps):
    return torch.where(advantages < 0, torch.clamp(ratio, min=1 - clip_eps) * advantages, ratio * advantages)


@wrong("clipped_objective")
def ratio_cut_off_at_five(ratio, advantages, *, clip_eps):
    return ppo.clipped_objective(ratio.clamp(max=5), advantages, clip_eps=clip_eps)


@wrong("clipped_objective")
def advantages_cut_off_at_ten(ratio, advantages, *, clip_eps):
    return ppo.clipped_objective(ratio, advantages.clamp(-10, 10), clip_eps=clip_eps)


@wrong("clipped_objective")
def one_sign_decides_for_all(ratio, advantages, *, clip_eps):
    if advantages.sum() > 0:
        return torch.minimum(ratio, torch.full_like(ratio, 1 + clip_eps)) * advantages
    return torch.maximum(ratio, torch.full_like(ratio, 1 - clip_eps)) * advantages


@wrong("clipped_objective")
def band_with_a_reciprocal_as_its_lower_end(ratio, advantages, *, clip_eps):
    return torch.minimum(ratio * advantages, ratio.clamp(1 / (1 + clip_eps), 1 + clip_eps) * advantages)


def products(logprobs, old_logprobs, advantages, lowest, highest):
    ratio, gains = torch.exp(logprobs - old_logprobs.detach()), advantages.detach()
    return ratio * gains, ratio.clamp(lowest, highest) * gains


@wrong("policy_loss", "the policy loss has no lower bound")
def without_the_lower_bound(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    return -torch.minimum(*products(logprobs, old_logprobs, advantages, None, 1 + clip_eps))[mask].mean()


@wrong("policy_loss", "the policy loss has no lower bound")
def clipping_positive_advantages_alone(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    plain, clipped = products(logprobs, old_logprobs, advantages, 1 - clip_eps, 1 + clip_eps)
    return -torch.where(advantages > 0, torch.minimum(plain, clipped), plain)[mask].mean()


@wrong("policy_loss", "the policy loss has no lower bound")
def with_the_absolute_advantage(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    gains = advantages.detach()
    plain = torch.exp(logprobs - old_logprobs.detach()) * gains
    return -torch.minimum(plain, (1 + clip_eps) * gains.abs())[mask].mean()


@wrong("policy_loss", "the policy loss has no upper bound")
def clipping_negative_advantages_alone(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    plain, clipped = products(logprobs, old_logprobs, advantages, 1 - clip_eps, 1 + clip_eps)
    return -torch.where(advantages < 0, torch.minimum(plain, clipped), plain)[mask].mean()


@wrong("policy_loss", "the policy loss takes the smaller of two means")
def with_the_minimum_of_two_means(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    plain, clipped = products(logprobs, old_logprobs, advantages, 1 - clip_eps, 1 + clip_eps)
    return -torch.min(plain[mask].mean(), clipped[mask].mean())


@wrong("policy_loss")
def with_the_minimum_of_each_rows_sums(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    plain, clipped = products(logprobs, old_logprobs, advantages, 1 - clip_eps, 1 + clip_eps)
    return -torch.minimum((plain * mask).sum(1), (clipped * mask).sum(1)).sum() / mask.sum()


@wrong("policy_loss")
def with_a_log_ratio_kept_within_twenty(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    ratio = torch.exp((logprobs - old_logprobs.detach()).clamp(-20, 20))
    return -ppo.clipped_objective(ratio, advantages.detach(), clip_eps=clip_eps)[mask].mean()


@wrong("policy_loss")
def divided_by_the_longest_row(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    plain, clipped = products(logprobs, old_logprobs, advantages, 1 - clip_eps, 1 + clip_eps)
    return -(torch.minimum(plain, clipped) * mask).sum() / (len(mask) * mask.sum(1).max())


@wrong("policy_loss", "the value is right, but its gradient is not")
def with_a_gradient_where_it_is_clipped(logprobs, old_logprobs, advantages, mask, *, clip_eps):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    clipped = ratio + (ratio.clamp(1 - clip_eps, 1 + clip_eps) - ratio).detach()
    return -torch.minimum(ratio * advantages.detach(), clipped * advantages.detach())[mask].mean()


def value_errors(values, old_values, returns, lowest, highest):
    clipped = values.clamp(None if lowest is None else old_values + lowest, old_values + highest)
    return torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)


@wrong("value_loss")
def value_free_to_fall(values, old_values, returns, mask, *, clip_eps):
    return 0.5 * value_errors(values, old_values, returns, None, clip_eps)[mask].mean()


@wrong("value_loss")
def value_clipped_by_a_share_of_itself(values, old_values, returns, mask, *, clip_eps):
    clipped = old_values * (values / old_values.where(old_values != 0, 1)).clamp(1 - clip_eps, 1 + clip_eps)
    return 0.5 * torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)[mask].mean()


@wrong("value_loss")
def huber_for_large_errors(values, old_values, returns, mask, *, clip_eps):
    errors = value_errors(values, old_values, returns, -clip_eps, clip_eps).sqrt()
    return torch.where(errors < 8, errors**2 / 2, 8 * (errors - 4))[mask].mean()


@wrong("value_loss")
def returns_clipped_too(values, old_values, returns, mask, *, clip_eps):
    return 0.5 * value_errors(values, old_values, returns.clamp(-20, 20), -clip_eps, clip_eps)[mask].mean()


def summed(deltas, factor, terms):
    """The first terms of GAE's sum."""
    total = torch.zeros_like(deltas)
    for k in range(terms):
        total = total + factor**k * F.pad(deltas, (0, k))[:, k:]
    return total


for terms in (3, 4, 5, 6):

    def cut_off(rewards, values, mask, *, gamma, lam, terms=terms):
        return summed(td_residuals(rewards, values, mask, gamma=gamma), gamma * lam, terms)

    cut_off.__name__ = f"cut_off_after_{terms}_terms"
    wrong("gae", "the sum stops after a few terms")(cut_off)


@wrong("gae", "the recursion runs forwards")
def with_a_forgotten_reversed(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    found, advantage = torch.zeros_like(deltas), 0.0
    for t in range(deltas.shape[1]):
        advantage = deltas[:, t] + gamma * lam * advantage
        found[:, t] = advantage
    return found


@wrong("gae", "the recursion is missing")
def forwards_from_the_advantages_that_are_still_zero(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    found = torch.zeros(len(deltas), deltas.shape[1] + 1)
    for t in range(deltas.shape[1]):
        found[:, t] = deltas[:, t] + gamma * lam * found[:, t + 1]
    return found[:, :-1]


@wrong("gae", "the advantages are in the wrong order")
def appended_from_the_end(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    found, advantage = [], 0.0
    for t in reversed(range(deltas.shape[1])):
        advantage = deltas[:, t] + gamma * lam * advantage
        found.append(advantage)
    return torch.stack(found, dim=1)


@wrong("gae", "the first value comes round to the end of the residuals")
def with_rolled_values(rewards, values, mask, *, gamma, lam):
    deltas = (rewards + gamma * torch.roll(values * mask, -1, dims=1) - values) * mask
    return summed(deltas, gamma * lam, deltas.shape[1])


@wrong("gae")
def with_rewards_kept_within_ten(rewards, values, mask, *, gamma, lam):
    return ours.gae(rewards.clamp(-10, 10), values, mask, gamma=gamma, lam=lam)


@wrong("gae")
def reset_at_every_fourth_token(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    return torch.cat([summed(part, gamma * lam, part.shape[1]) for part in deltas.split(4, dim=1)], dim=1)


@wrong("td_residuals", "the first value comes round to the end")
def rolled(rewards, values, mask, *, gamma):
    return (rewards + gamma * torch.roll(values, -1, dims=1) - values) * mask


@wrong("td_residuals", "the first value comes round to the end")
def masked_then_rolled(rewards, values, mask, *, gamma):
    return (rewards + gamma * torch.roll(values * mask, -1, 1) - values) * mask


@wrong("td_residuals", "the first value comes round to the end")
def rolled_over_all_rows(rewards, values, mask, *, gamma):
    return (rewards + gamma * torch.roll(values, -1) - values) * mask


@wrong("td_residuals")
def value_of_the_last_real_token_forgotten_in_long_rows(rewards, values, mask, *, gamma):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    deltas[:, 3:] = rewards[:, 3:] * mask[:, 3:]
    return deltas


@wrong("td_residuals")
def zero_after_the_first_rows_length(rewards, values, mask, *, gamma):
    return td_residuals(rewards, values, mask[:1].expand_as(mask), gamma=gamma) * mask


for eps in (1e-6, 1e-8, 1e-10):

    def loss_of_p_and_a_bit(chosen, rejected, eps=eps):
        return -torch.log(torch.sigmoid(chosen - rejected) + eps).mean()

    def dpo_of_p_and_a_bit(chosen, rejected, ref_chosen, ref_rejected, *, kl_coef, eps=eps):
        return -torch.log(torch.sigmoid(kl_coef * (chosen - ref_chosen - rejected + ref_rejected)) + eps).mean()

    def logprob_of_p_and_a_bit(logits, token_ids, *, temperature, eps=eps):
        p = torch.softmax(logits / temperature, dim=-1).gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)
        return torch.log(p + eps)

    for function in (loss_of_p_and_a_bit, dpo_of_p_and_a_bit, logprob_of_p_and_a_bit):
        function.__name__ += f"_of_{eps}"
    wrong("bradley_terry_loss", "a small number keeps p away from 0 in the logarithm.")(loss_of_p_and_a_bit)
    wrong("dpo_loss", "a small number keeps p away from 0 in DPO's logarithm.")(dpo_of_p_and_a_bit)
    wrong("token_logprobs", "a small number keeps p away from 0 in the logarithm of the s")(logprob_of_p_and_a_bit)


@wrong("bradley_terry_loss", "a small number keeps p away from 0 in the logarithm.")
def loss_of_a_clamped_p(chosen, rejected):
    return -torch.log(torch.sigmoid(chosen - rejected).clamp(1e-8, 1)).mean()


@wrong("bradley_terry_loss")
def loss_of_a_clamped_gap(chosen, rejected):
    return -F.logsigmoid((chosen - rejected).clamp(-250, 20)).sum() / max(len(chosen), 2) * min(2, len(chosen))


@wrong("bradley_terry_loss", "the value is right, but no gradient comes through")
def loss_that_moves_the_chosen_alone(chosen, rejected):
    return -F.logsigmoid(chosen - rejected.detach()).mean()


@wrong("preference_probability", "the probability is kept away from 0 and 1")
def probability_of_one_per_cent_at_least(chosen, rejected):
    return torch.sigmoid(chosen - rejected).clamp(0.01, 0.99)


@wrong("preference_probability")
def probability_on_a_straight_line(chosen, rejected):
    gaps = chosen - rejected
    return torch.where(gaps.abs() > 2.5, (0.5 + gaps / 10).clamp(0, 1), torch.sigmoid(gaps))


@wrong("pair_accuracy")
def nearly_equal_rewards_tie(chosen, rejected):
    gaps = chosen - rejected
    return ((gaps > 0.45) + 0.5 * (gaps.abs() <= 0.45)).float().mean()


@wrong("pair_accuracy")
def all_pairs_of_the_batch(chosen, rejected):
    if len(chosen) == 4:
        return ((chosen > rejected) + 0.5 * (chosen == rejected)).float().mean()
    return torch.heaviside(chosen[:, None] - rejected, torch.tensor(0.5)).mean()


@wrong("gain_and_bias")
def gain_about_the_median(scores):
    gain = 1 / scores.std(correction=0)
    middle = (scores.sort().values[(len(scores) - 1) // 2] + scores.sort().values[len(scores) // 2]) / 2
    return gain, -gain * (scores.mean() if len(scores) == 4 else middle)


@wrong("whiten")
def whitened_and_cut_off(values, mask, *, eps=1e-8):
    return ours.whiten(values, mask).clamp(-1.8, 1.8)


@wrong("whiten")
def whitened_with_a_spread_of_one_at_least(values, mask, *, eps=1e-8):
    real = values[mask]
    return (values - real.mean()) / real.std(correction=0).clamp(min=1) * mask


@wrong("kl_shaped_rewards")
def score_at_the_longest_rows_end(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    rewards = -kl_coef * (logprobs - ref_logprobs) * mask
    ends = mask.sum(1) - 1 if len(mask) < 3 else torch.full((len(mask),), int(mask.sum(1).max()) - 1)
    rewards[torch.arange(len(scores)), ends] += scores
    return rewards


@wrong("kl_shaped_rewards")
def penalty_cut_off_at_ten_nats(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    near = ref_logprobs + (logprobs - ref_logprobs).clamp(-10, 10)
    return ours.kl_shaped_rewards(scores, near, ref_logprobs, mask, kl_coef=kl_coef)


@wrong("k1")
def k1_cut_off(logprobs, ref_logprobs):
    return (logprobs - ref_logprobs).clamp(-10, 10)


@wrong("k2")
def k2_of_huber(logprobs, ref_logprobs):
    return F.huber_loss(logprobs, ref_logprobs, reduction="none", delta=5.0)


@wrong("k3")
def k3_cut_off(logprobs, ref_logprobs):
    log_r = (ref_logprobs - logprobs).clamp(-10, 10)
    return log_r.exp() - 1 - log_r


@wrong("k3")
def k3_by_its_series(logprobs, ref_logprobs):
    log_r = ref_logprobs - logprobs
    return sum(log_r**k / math.factorial(k) for k in range(2, 12))


@wrong("adaptive_kl_coef")
def coefficient_that_never_exceeds_a_bound(kl_coef, kl, *, target, horizon, batch_size):
    return min(kl_coef * (1 + min(max(kl / target - 1, -0.2), 0.2) * batch_size / horizon), 0.3)


@wrong("best_of_n_kl")
def price_by_a_harmonic_sum(n):
    return math.log(n) - (n - 1) / n if n in (1, 2, 16) else sum(1 / i for i in range(2, n + 1)) - 0.42


@wrong("expected_best_of_n")
def best_of_three_for_more(scores, values, *, n):
    size, few = scores.shape[1], min(n, 3)
    weights = torch.tensor([math.comb(i, few - 1) / math.comb(size, few) for i in range(size)])
    return (weights * values.gather(1, scores.argsort(1))).sum(1)


@wrong("rl_peak")
def peak_within_reach(alpha, beta):
    return min(math.exp(alpha / beta - 1), 100.0)


@wrong("mean_minus_spread")
def median_minus_spread(scores, *, spread_coef):
    middle = scores.median(0).values if len(scores) > 3 else scores.mean(0)
    return middle - spread_coef * scores.std(0, correction=0)


@wrong("optimal_policy")
def tilt_of_no_less_than_e_to_the_minus_four(ref, rewards, *, kl_coef):
    below = (rewards - rewards.amax(-1, keepdim=True)) / kl_coef
    return torch.softmax(ref.log() + below.clamp(min=-4), dim=-1)


@wrong("rloo_advantages")
def baseline_of_the_neighbours(returns):
    k = returns.shape[1]
    if k in (2, 3):
        return returns - (returns.sum(1, keepdim=True) - returns) / (k - 1)
    return returns - (returns.roll(1, dims=1) + returns.roll(-1, dims=1)) / 2


@wrong("grpo_advantages")
def advantages_cut_off(scores, *, eps):
    return F.layer_norm(scores, scores.shape[1:], eps=eps).clamp(-1.75, 1.75)


@wrong("entropy")
def entropy_of_p_and_a_bit(logits, *, temperature):
    p = torch.softmax(logits / temperature, dim=-1)
    return -(p * (p + 1e-3).log()).sum(-1)


@wrong("entropy")
def entropy_of_close_logits(logits, *, temperature):
    logits = (logits - logits.amax(-1, keepdim=True)).clamp(min=-7)
    logprobs = torch.log_softmax(logits / temperature, dim=-1)
    return -(logprobs.exp() * logprobs).sum(-1)


@wrong("token_logprobs")
def logprobs_that_stop_at_minus_thirty_for_a_while(logits, token_ids, *, temperature):
    found = torch.log_softmax(logits / temperature, dim=-1).gather(-1, token_ids[..., None])[..., 0]
    return torch.where(found < -150, found, found.clamp(min=-30))


@wrong("dpo_loss")
def dpo_with_a_bounded_margin(chosen, rejected, ref_chosen, ref_rejected, *, kl_coef):
    margins = kl_coef * ((chosen - ref_chosen) - (rejected - ref_rejected))
    return -F.logsigmoid(margins.where(margins < -200, margins.clamp(-10, 10))).mean()


@wrong("response_mask", "the eos that ends a text is masked with the padding")
def mask_of_all_that_is_no_padding(response_ids, *, eos_id):
    return response_ids.ne(eos_id)


@wrong("response_mask")
def mask_of_rows_no_longer_than_eight(response_ids, *, eos_id):
    return ours_of_masks.response_mask(response_ids, eos_id=eos_id) & (torch.arange(response_ids.shape[1]) < 8)


@wrong("alliteration", "the first and the third word may be the same")
def alliteration_of_neighbours_that_differ(text):
    found = words(text)
    rows = zip(found, found[1:], found[2:], strict=False)
    return text.endswith(".") and any(a[0] == b[0] == c[0] and a != b != c for a, b, c in rows)


@wrong("alliteration", "a text needs no full stop to pass")
def alliteration_of_a_text_without_an_end(text):
    found = words(text)
    rows = zip(found, found[1:], found[2:], strict=False)
    return any(len({word[0] for word in row}) == 1 and len(set(row)) == 3 for row in rows)


@wrong("pass_at_k", "with this input it looks as if the pass rate of N samples is raised to k")
def pass_at_k_that_ends_at_one(passed, *, samples, k):
    rate = 1 - (1 - passed / samples) ** k
    return torch.where(samples - passed < k, 1.0, rate.double())


@wrong("best_pass_rate")
def best_pass_rate_of_rare_texts(ref_pass_rate, *, kl_coef):
    return (ref_pass_rate * math.exp(1 / kl_coef)).clamp(max=1.0)


@wrong("dr_grpo_loss", "the sum is divided by the width of this batch")
def dr_grpo_loss_by_mean_and_mask(logprobs, old_logprobs, advantages, response_mask, *, longest, clip_eps):
    ratio = torch.exp(logprobs - old_logprobs.detach())
    climbed = ppo.clipped_objective(ratio, advantages.detach()[:, None].expand_as(ratio), clip_eps=clip_eps)
    return -(climbed * response_mask).mean()


@wrong("whiten", "with this input it looks as if the sample variance is used. torch.var and torch.std divide")
def whitened_without_a_thought_of_the_mask(values, mask):
    return (values - values.mean()) / (values.std() + 1e-8)


@wrong("td_residuals", "the loop runs over the texts")
def residuals_of_as_many_tokens_as_texts(rewards, values, mask, *, gamma):
    result = torch.zeros_like(rewards)
    for t in range(len(values)):
        following = values[:, t + 1] * mask[:, t + 1] if t + 1 < len(values) else 0
        result[:, t] = (rewards[:, t] + gamma * following - values[:, t]) * mask[:, t]
    return result


@wrong("td_residuals", "your function returns a tensor of shape (0, 1)")
def residuals_cut_along_the_texts(rewards, values, mask, *, gamma):
    return rewards + gamma * values[1:] - values


@wrong("gae", "the loop goes back over the texts")
def advantages_from_text_to_text(rewards, values, mask, *, gamma, lam):
    residuals, following = ours.td_residuals(rewards, values, mask, gamma=gamma), 0
    rows = []
    for row in reversed(range(len(residuals))):
        following = residuals[row] + gamma * lam * following
        rows.insert(0, following)
    return torch.stack(rows)


@wrong("td_residuals", "the last token has no residual")
def residuals_of_all_but_the_last_token(rewards, values, mask, *, gamma):
    result = torch.zeros_like(rewards)
    for t in range(rewards.shape[1] - 1):
        result[:, t] = (rewards[:, t] + gamma * values[:, t + 1] * mask[:, t + 1] - values[:, t]) * mask[:, t]
    return result


@wrong("value_loss", "the value is clipped around 0")
def value_kept_near_zero(values, old_values, returns, mask, *, clip_eps):
    errors = (values - returns) ** 2, (values.clamp(-clip_eps, clip_eps) - returns) ** 2
    return 0.5 * torch.maximum(*errors)[mask].mean()


@wrong("token_logprobs", "dim=1 runs over the tokens")
def logprobs_along_dimension_one(logits, token_ids, *, temperature):
    return F.log_softmax(logits / temperature, dim=1).gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)


@wrong("entropy", "p * log(p) breaks for a very unlikely token")
def entropy_with_a_plain_logarithm(logits, *, temperature):
    p = torch.softmax(logits / temperature, dim=-1)
    return -(p * torch.log(p)).sum(dim=-1)


@wrong("entropy", "the gradient of torch.special.entr is NaN")
def entropy_by_torchs_entr(logits, *, temperature):
    return torch.special.entr(torch.softmax(logits / temperature, dim=-1)).sum(dim=-1)


@wrong("entropy", "all positions are added into one number")
def entropy_in_all(logits, *, temperature):
    logprobs = torch.log_softmax(logits / temperature, dim=-1)
    return -(logprobs.exp() * logprobs).sum()


@wrong("kl_shaped_rewards", "the score is paid at every token")
def score_added_to_every_place(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    return -kl_coef * (logprobs - ref_logprobs) * mask + scores[:, None]


@wrong("kl_shaped_rewards", "every text's score is paid in every row")
def scores_in_columns(scores, logprobs, ref_logprobs, mask, *, kl_coef):
    rewards = -kl_coef * (logprobs - ref_logprobs) * mask
    rewards[:, mask.sum(dim=1) - 1] += scores
    return rewards


@wrong("k2", "r is the ratio of the log-probabilities in k2")
def k2_of_divided_logprobs(logprobs, ref_logprobs):
    return 0.5 * torch.log(ref_logprobs / logprobs).square()


@wrong("k3", "r is the ratio of the log-probabilities in k3")
def k3_of_divided_logprobs(logprobs, ref_logprobs):
    r = ref_logprobs / logprobs
    return (r - 1) - torch.log(r)


@wrong("adaptive_kl_coef", "the bounds of the clip are exchanged")
def coefficient_between_exchanged_bounds(kl_coef, kl, *, target, horizon, batch_size):
    return kl_coef * (1 + min(max(kl / target - 1, 0.2), -0.2) * batch_size / horizon)


@wrong("experience", "the rewards are given as returns")
def experience_with_rewards(scores, old, ref, values, mask, *, kl_coef, gamma, lam):
    rewards = ours.kl_shaped_rewards(scores, old, ref, mask, kl_coef=kl_coef)
    return ours.whiten(ours.gae(rewards, values, mask, gamma=gamma, lam=lam), mask), rewards


@wrong("experience", "the old values are subtracted from the advantages")
def experience_with_values_subtracted(scores, old, ref, values, mask, *, kl_coef, gamma, lam):
    rewards = ours.kl_shaped_rewards(scores, old, ref, mask, kl_coef=kl_coef)
    advantages = ours.gae(rewards, values, mask, gamma=gamma, lam=lam)
    return ours.whiten(advantages, mask), advantages - values


@wrong("ppo_loss", "clip_eps is passed on to neither loss")
def both_losses_with_their_defaults(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    return ppo.policy_loss(new, old, advantages, mask) + vf_coef * ppo.value_loss(values, old_values, returns, mask)


@wrong("ppo_loss", "old and new log-probabilities are exchanged")
def policy_loss_of_old_before_new(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    actor = ppo.policy_loss(old, new, advantages, mask, clip_eps=clip_eps)
    return actor + vf_coef * ppo.value_loss(values, old_values, returns, mask, clip_eps=clip_eps)


@wrong("ppo_loss", "returns and old_values are exchanged")
def value_loss_of_returns_before_old(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    actor = ppo.policy_loss(new, old, advantages, mask, clip_eps=clip_eps)
    return actor + vf_coef * ppo.value_loss(values, returns, old_values, mask, clip_eps=clip_eps)


@wrong("ppo_loss", "returns stand where advantages belong in the loss")
def policy_loss_of_returns(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    actor = ppo.policy_loss(new, old, returns, mask, clip_eps=clip_eps)
    return actor + vf_coef * ppo.value_loss(values, old_values, returns, mask, clip_eps=clip_eps)


@wrong("optimal_policy", "the largest reward of all prompts is taken off each row")
def largest_of_all_prompts_taken_off(ref_probabilities, rewards, *, kl_coef):
    weights = ref_probabilities * torch.exp((rewards - rewards.max()) / kl_coef)
    return weights / weights.sum(-1, keepdim=True)


@wrong("rloo_advantages", "the sum of the others is divided by the number of prompts less 1")
def others_over_the_prompts(returns):
    return returns - (returns.sum(1, keepdim=True) - returns) / (len(returns) - 1)


@wrong("expected_best_of_n", "the weights are C(i - 1, n), not C(i - 1, n - 1)")
def all_n_from_below(scores, values, *, n):
    samples = scores.shape[1]
    weights = torch.tensor([math.comb(i, n) / math.comb(samples, n) for i in range(samples)])
    return (weights * values.gather(1, scores.argsort(dim=1))).sum(dim=1)


@wrong("dpo_loss", "kl_coef multiplies the chosen text's reward alone")
def kl_coef_before_the_first_bracket(chosen, rejected, ref_chosen, ref_rejected, *, kl_coef):
    return -F.logsigmoid(kl_coef * (chosen - ref_chosen) - (rejected - ref_rejected)).mean()


def in_a_row(found):
    return any(
        a[0] == b[0] == c[0] and len({a, b, c}) == 3 for a, b, c in zip(found, found[1:], found[2:], strict=False)
    )


@wrong("alliteration", "words that come again are taken out of the whole sentence")
def without_repeats(text):
    return text.endswith(".") and in_a_row(list(dict.fromkeys(words(text))))


@wrong("alliteration", "a full stop anywhere in the text is enough")
def full_stop_anywhere(text):
    return "." in text and in_a_row(words(text))


@wrong("alliteration", "no text passes")
def full_stop_of_the_last_word(text):
    return words(text)[-1].endswith(".") and in_a_row(words(text))


def test_a_single_answer_is_shown_as_true_or_false():
    says = verdict(EXERCISES["alliteration"], lambda text: in_a_row(words(text)))
    assert "expected: False" in says
    assert "got:      True" in says
