"""Right answers in the styles in which people write them: each passes its check, hand-sized and random inputs alike."""

import math
from itertools import combinations

import pytest
import torch
from torch.nn import functional as F

from course_lib.classroom.exercises.check import EXERCISES
from course_lib.classroom.exercises.patience import MOST, patience
from course_lib.classroom.exercises.verdict import verdict
from course_lib.equations.advantages import td_residuals

RIGHT = []


def right(exercise):
    """Collect a right answer to this exercise."""

    def keep(function):
        RIGHT.append(pytest.param(exercise, function, id=f"{exercise}-{function.__name__}"))
        return function

    return keep


@pytest.mark.parametrize(("exercise", "function"), RIGHT)
def test_a_right_answer_passes_in_whatever_style(exercise, function):
    with patience(function, most=MOST // 4):
        says = verdict(EXERCISES[exercise], function)
    assert says.startswith("Passed: "), says


@right("preference_probability")
def as_the_book_has_it(chosen, rejected):
    return chosen.exp() / (chosen.exp() + rejected.exp())


@right("preference_probability")
def by_softmax(chosen, rejected):
    return torch.stack([chosen, rejected], dim=-1).softmax(-1)[..., 0]


@right("preference_probability")
def by_tanh(chosen, rejected):
    return (1 + torch.tanh((chosen - rejected) / 2)) / 2


@right("preference_probability")
def text_by_text(chosen, rejected):
    return torch.tensor([1 / (1 + math.exp(r - c)) for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True)])


@right("bradley_terry_loss")
def by_softplus(chosen, rejected):
    return F.softplus(rejected - chosen).mean()


@right("bradley_terry_loss")
def by_logaddexp(chosen, rejected):
    return torch.logaddexp(chosen, rejected).sub(chosen).mean()


@right("bradley_terry_loss")
def by_cross_entropy(chosen, rejected):
    logits = torch.stack([chosen, rejected], dim=1)
    return F.cross_entropy(logits, torch.zeros(len(chosen), dtype=torch.long))


@right("bradley_terry_loss")
def by_binary_cross_entropy(chosen, rejected):
    return F.binary_cross_entropy_with_logits(chosen - rejected, torch.ones_like(chosen))


@right("bradley_terry_loss")
def in_double_precision(chosen, rejected):
    return -sum(F.logsigmoid(c - r) for c, r in zip(chosen.double(), rejected.double(), strict=True)) / len(chosen)


@right("pair_accuracy")
def as_a_number(chosen, rejected):
    wins = sum(1 if c > r else 0.5 if c == r else 0 for c, r in zip(chosen, rejected, strict=True))
    return wins / len(chosen)


@right("pair_accuracy")
def by_sign(chosen, rejected):
    return (1 + torch.sign(chosen - rejected)).mean() / 2


@right("pair_accuracy")
def by_two_where(chosen, rejected):
    return torch.where(chosen > rejected, 1.0, torch.where(chosen == rejected, 0.5, 0.0)).mean()


@right("gain_and_bias")
def as_a_list(scores):
    gain = 1 / scores.std(correction=0)
    return [gain, -gain * scores.mean()]


@right("gain_and_bias")
def by_sums(scores):
    n, values = len(scores), scores.tolist()
    mean = sum(values) / n
    sd = (sum(x * x for x in values) / n - mean**2) ** 0.5
    return 1 / sd, -mean / sd


@right("token_logprobs")
def by_index(logits, token_ids, *, temperature=1.0):
    flat = (logits / temperature).log_softmax(-1).flatten(0, -2)
    return flat[torch.arange(len(flat)), token_ids.flatten()].view(token_ids.shape)


@right("token_logprobs")
def by_logsumexp(logits, token_ids, *, temperature=1.0):
    logits = logits / temperature
    return torch.gather(logits, -1, token_ids[..., None])[..., 0] - logits.logsumexp(-1)


@right("token_logprobs")
def by_one_hot(logits, token_ids, *, temperature=1.0):
    one_hot = F.one_hot(token_ids, logits.shape[-1]).to(logits.dtype)
    return torch.einsum("...v,...v->...", F.log_softmax(logits / temperature, dim=-1), one_hot)


@right("token_logprobs")
def by_torchs_categorical(logits, token_ids, *, temperature=1.0):
    return torch.distributions.Categorical(logits=logits / temperature).log_prob(token_ids)


@right("entropy")
def by_einsum(logits, *, temperature=1.0):
    logprobs = torch.log_softmax(logits / temperature, -1)
    return -torch.einsum("...v,...v->...", logprobs.exp(), logprobs)


@right("entropy")
def by_log_z(logits, *, temperature=1.0):
    logits = logits / temperature
    return logits.logsumexp(-1) - (logits.softmax(-1) * logits).sum(-1)


@right("entropy")
def entropy_by_torch(logits, *, temperature=1.0):
    return torch.distributions.Categorical(logits=logits / temperature).entropy()


@right("probability_ratio")
def probabilities_divided(logprobs, old_logprobs):
    return logprobs.exp() / old_logprobs.exp()


@right("probability_ratio")
def by_a_power_of_e(logprobs, old_logprobs):
    return math.e ** (logprobs - old_logprobs)


@right("clipped_objective")
def as_in_spinning_up(ratio, advantages, *, clip_eps=0.2):
    bound = torch.where(advantages > 0, (1 + clip_eps) * advantages, (1 - clip_eps) * advantages)
    return torch.min(ratio * advantages, bound)


@right("clipped_objective")
def by_the_sign_of_the_advantage(ratio, advantages, *, clip_eps=0.2):
    return advantages * torch.where(advantages >= 0, ratio.clamp(max=1 + clip_eps), ratio.clamp(min=1 - clip_eps))


@right("clipped_objective")
def by_stacking(ratio, advantages, *, clip_eps=0.2):
    return torch.stack([ratio * advantages, torch.clip(ratio, 1 - clip_eps, 1 + clip_eps) * advantages]).amin(0)


@right("clipped_objective")
def number_by_number(ratio, advantages, *, clip_eps=0.2):
    pairs = zip(ratio.flatten(), advantages.flatten(), strict=True)
    return torch.stack([min(r * a, min(max(r, 1 - clip_eps), 1 + clip_eps) * a) for r, a in pairs]).view(ratio.shape)


@right("clipped_objective")
def less_what_exceeds_the_clip(ratio, advantages, *, clip_eps=0.2):
    product = ratio * advantages
    return product - torch.relu(product - ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)


@right("policy_loss")
def with_the_larger_of_losses(logprobs, old_logprobs, advantages, response_mask, *, clip_eps=0.2):
    ratio = (logprobs - old_logprobs.detach()).exp()
    gains = advantages.detach()
    losses = torch.max(-gains * ratio, -gains * torch.clamp(ratio, 1 - clip_eps, 1 + clip_eps))
    return (losses * response_mask).sum() / response_mask.sum()


@right("policy_loss")
def row_by_row(logprobs, old_logprobs, advantages, response_mask, *, clip_eps=0.2):
    total = 0.0
    for new, old, gains, real in zip(logprobs, old_logprobs.detach(), advantages.detach(), response_mask, strict=True):
        ratio = torch.exp(new[real] - old[real])
        clipped = torch.where(
            ratio > 1 + clip_eps, 1 + clip_eps, torch.where(ratio < 1 - clip_eps, 1 - clip_eps, ratio)
        )
        total = total - torch.minimum(ratio * gains[real], clipped * gains[real]).sum()
    return total / response_mask.sum()


@right("policy_loss")
def in_double(logprobs, old_logprobs, advantages, response_mask, *, clip_eps=0.2):
    with torch.no_grad():
        old, gains = old_logprobs.double(), advantages.double()
    ratio = (logprobs.double() - old).exp()
    bound = torch.where(gains > 0, 1 + clip_eps, 1 - clip_eps) * gains
    return -torch.where(response_mask, torch.minimum(ratio * gains, bound), 0.0).sum() / response_mask.sum()


@right("policy_loss")
def with_weights_of_tokens(logprobs, old_logprobs, advantages, response_mask, *, clip_eps=0.2):
    weights = response_mask / response_mask.sum()
    ratio = (logprobs - old_logprobs.detach()).exp()
    products = torch.stack([ratio, ratio.clamp(1 - clip_eps, 1 + clip_eps)]) * advantages.detach()
    return -torch.einsum("bt,bt->", products.amin(0), weights)


@right("value_loss")
def by_the_larger_mean_of_where(values, old_values, returns, response_mask, *, clip_eps=0.2):
    clipped = old_values + (values - old_values).clamp(-clip_eps, clip_eps)
    plain, kept = (values - returns).square(), (clipped - returns).square()
    return torch.where(plain > kept, plain, kept)[response_mask].mean() / 2


@right("value_loss")
def by_mse(values, old_values, returns, response_mask, *, clip_eps=0.2):
    clipped = torch.max(torch.min(values, old_values + clip_eps), old_values - clip_eps)
    errors = torch.stack([F.mse_loss(x, returns, reduction="none") for x in (values, clipped)]).amax(0)
    return 0.5 * (errors * response_mask).sum() / response_mask.sum()


@right("td_residuals")
def token_by_token(rewards, values, response_mask, *, gamma=1.0):
    deltas = torch.zeros_like(rewards)
    for row in range(len(rewards)):
        for t in range(int(response_mask[row].sum())):
            last = t + 1 == response_mask[row].sum()
            deltas[row, t] = rewards[row, t] + (0 if last else gamma * values[row, t + 1]) - values[row, t]
    return deltas


@right("td_residuals")
def by_padding(rewards, values, response_mask, *, gamma=1.0):
    following = F.pad(values * response_mask, (0, 1))[:, 1:]
    return (rewards + gamma * following - values).masked_fill(~response_mask, 0)


@right("td_residuals")
def by_roll_with_its_end_mended(rewards, values, response_mask, *, gamma=1.0):
    following = torch.roll(values.masked_fill(~response_mask, 0), -1, dims=1)
    following[:, -1] = 0
    return torch.where(response_mask, rewards + gamma * following - values, 0)


@right("gae")
def as_a_sum(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    deltas = td_residuals(rewards, values, response_mask, gamma=gamma).double()
    length = deltas.shape[1]
    columns = [sum((gamma * lam) ** (k - t) * deltas[:, k] for k in range(t, length)) for t in range(length)]
    return torch.stack(columns, dim=1)


@right("gae")
def by_a_matrix(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    deltas = td_residuals(rewards, values, response_mask, gamma=gamma)
    t = torch.arange(deltas.shape[1])
    ahead = t[:, None] - t
    return deltas @ torch.where(ahead >= 0, (gamma * lam) ** ahead.clamp(min=0), 0.0)


@right("gae")
def by_a_list_turned_round(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    real = values * response_mask
    advantage, found, following = 0, [], 0
    for t in range(rewards.shape[1] - 1, -1, -1):
        delta = rewards[:, t] * response_mask[:, t] + gamma * following - real[:, t]
        advantage = delta + gamma * lam * advantage
        following = real[:, t]
        found.insert(0, advantage)
    return torch.stack(found, 1)


@right("gae")
def by_flip_and_cumsum(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    deltas = td_residuals(rewards, values, response_mask, gamma=gamma)
    discounts = (gamma * lam) ** torch.arange(deltas.shape[1])
    return (deltas * discounts).flip(1).cumsum(1).flip(1) / discounts


@right("gae")
def by_the_whole_sum_less_what_came_before(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    discounts = (gamma * lam) ** torch.arange(rewards.shape[1])
    discounted = td_residuals(rewards, values, response_mask, gamma=gamma) * discounts
    return (discounted.sum(1, keepdim=True) - discounted.cumsum(1) + discounted) / discounts


@right("gae")
def by_recursion(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    deltas = td_residuals(rewards, values, response_mask, gamma=gamma)

    def from_here(t):
        if t == deltas.shape[1]:
            return []
        later = from_here(t + 1)
        return [deltas[:, t] + (gamma * lam * later[0] if later else 0), *later]

    return torch.stack(from_here(0), dim=1)


@right("gae")
def as_returns_less_values(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    values = torch.where(response_mask, values, 0.0)
    returns, following = torch.zeros_like(values), torch.zeros(len(values))
    for t in reversed(range(values.shape[1])):
        after = values[:, t + 1] if t + 1 < values.shape[1] else torch.zeros(len(values))
        following = rewards[:, t] + gamma * ((1 - lam) * after + lam * following)
        following = following * response_mask[:, t]
        returns[:, t] = following
    return returns - values


@right("gae")
def doubling_the_reach(rewards, values, response_mask, *, gamma=1.0, lam=0.95):
    result, reach = td_residuals(rewards, values, response_mask, gamma=gamma), 1
    while reach < result.shape[1]:
        result = result + (gamma * lam) ** reach * F.pad(result, (0, reach))[:, reach:]
        reach *= 2
    return result


@right("whiten")
def by_hand(values, mask):
    mean = (values * mask).sum() / mask.sum()
    variance = ((values - mean) ** 2 * mask).sum() / mask.sum()
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask


@right("whiten")
def by_the_mean_of_squares(values, mask, *, eps=1e-8):
    n = mask.sum()
    mean = (values * mask).sum() / n
    return torch.where(mask, (values - mean) / ((values**2 * mask).sum() / n - mean**2 + eps).sqrt(), 0)


@right("whiten")
def written_into_zeros(values, mask, *, eps=1e-8):
    real, result = values[mask], torch.zeros_like(values)
    result[mask] = (real - real.mean()) / (real.std(correction=0) + eps)
    return result


@right("kl_shaped_rewards")
def row_after_row(scores, logprobs, ref_logprobs, response_mask, *, kl_coef):
    rewards = torch.zeros_like(logprobs)
    for row, score in enumerate(scores):
        length = int(response_mask[row].sum())
        rewards[row, :length] = kl_coef * (ref_logprobs[row, :length] - logprobs[row, :length])
        rewards[row, length - 1] += score
    return rewards


@right("kl_shaped_rewards")
def by_scatter(scores, logprobs, ref_logprobs, response_mask, *, kl_coef):
    penalties = kl_coef * (logprobs - ref_logprobs).masked_fill(~response_mask, 0)
    return (-penalties).scatter_add(1, response_mask.sum(1, keepdim=True) - 1, scores[:, None])


@right("kl_shaped_rewards")
def by_the_end_of_the_mask(scores, logprobs, ref_logprobs, response_mask, *, kl_coef):
    ends = response_mask & ~F.pad(response_mask, (0, 1))[:, 1:]
    return torch.where(response_mask, kl_coef * (ref_logprobs - logprobs), 0) + torch.einsum(
        "b,bt->bt", scores, ends.float()
    )


@right("k1")
def as_a_log_of_a_ratio(logprobs, ref_logprobs):
    return -torch.log(ref_logprobs.exp() / logprobs.exp())


@right("k2")
def as_half_a_square(logprobs, ref_logprobs):
    return 0.5 * torch.square(ref_logprobs - logprobs)


@right("k3")
def as_r_less_one_less_log_r(logprobs, ref_logprobs):
    r = torch.exp(ref_logprobs) / torch.exp(logprobs)
    return r - 1 - r.log()


@right("k3")
def by_expm1(logprobs, ref_logprobs):
    return torch.expm1(ref_logprobs - logprobs) + logprobs - ref_logprobs


@right("adaptive_kl_coef")
def with_if(kl_coef, kl, *, target, horizon, batch_size):
    error = kl / target - 1
    if abs(error) > 0.2:
        error = 0.2 if error > 0 else -0.2
    return kl_coef + kl_coef * error * batch_size / horizon


@right("adaptive_kl_coef")
def with_torch(kl_coef, kl, *, target, horizon, batch_size):
    error = torch.clamp(torch.tensor((kl - target) / target), -0.2, 0.2)
    return kl_coef * (1 + error * batch_size / horizon)


@right("best_of_n_kl")
def with_one_over_n(n):
    return math.log(n) - 1 + 1 / n


@right("expected_best_of_n")
def over_all_sets(scores, values, *, n):
    sets = list(combinations(range(scores.shape[1]), n))
    rows = zip(scores.tolist(), values.tolist(), strict=True)
    return torch.tensor([sum(v[max(chosen, key=s.__getitem__)] for chosen in sets) / len(sets) for s, v in rows])


@right("expected_best_of_n")
def by_how_many_lie_below(scores, values, *, n):
    sets = math.comb(scores.shape[1], n)
    below = (scores[:, None, :] < scores[:, :, None]).sum(-1)
    return (below.double().apply_(lambda i: math.comb(int(i), n - 1) / sets) * values).sum(1)


@right("expected_best_of_n")
def by_rank(scores, values, *, n):
    size = scores.shape[1]
    weights = torch.tensor([math.comb(i, n - 1) / math.comb(size, n) for i in range(size)])
    return (weights[scores.argsort(1).argsort(1)] * values).sum(1)


@right("rl_peak")
def by_a_division(alpha, beta):
    return math.exp(alpha / beta) / math.e


@right("mean_minus_spread")
def by_squares(scores, *, spread_coef=1.0):
    mean = scores.mean(0)
    return mean - spread_coef * (scores - mean).pow(2).mean(0).sqrt()


@right("optimal_policy")
def by_weights(ref_probabilities, rewards, *, kl_coef):
    weights = ref_probabilities * torch.exp((rewards - rewards.max(-1, keepdim=True).values) / kl_coef)
    return weights / weights.sum(-1, keepdim=True)


@right("optimal_policy")
def in_log_space(ref_probabilities, rewards, *, kl_coef):
    tilted = ref_probabilities.log() + rewards / kl_coef
    return (tilted - tilted.logsumexp(-1, keepdim=True)).exp()


@right("rloo_advantages")
def scaled_from_the_mean(returns):
    k = returns.shape[1]
    return k / (k - 1) * (returns - returns.mean(1, keepdim=True))


@right("rloo_advantages")
def leaving_one_out(returns):
    k = returns.shape[1]
    others = [torch.cat([returns[:, :i], returns[:, i + 1 :]], dim=1).mean(dim=1) for i in range(k)]
    return returns - torch.stack(others, dim=1)


@right("grpo_advantages")
def by_var_mean(scores, *, eps=1e-8):
    variance, mean = torch.var_mean(scores, dim=1, correction=0, keepdim=True)
    return (scores - mean) / (variance + eps) ** 0.5


@right("grpo_advantages")
def by_layer_norm(scores, *, eps=1e-8):
    return F.layer_norm(scores, scores.shape[1:], eps=eps)


@right("dpo_loss")
def of_two_log_ratios(chosen, rejected, ref_chosen, ref_rejected, *, kl_coef):
    return F.softplus(-kl_coef * ((chosen - rejected) - (ref_chosen - ref_rejected))).mean()


@right("dpo_loss")
def of_implied_rewards(chosen, rejected, ref_chosen, ref_rejected, *, kl_coef):
    rewards = kl_coef * torch.stack([chosen - ref_chosen, rejected - ref_rejected])
    return -rewards.log_softmax(0)[0].mean()


@right("experience")
def from_the_last_token_to_the_first(scores, old, ref, values, mask, *, kl_coef, gamma, lam):
    rewards, following, later = kl_coef * (ref - old) * mask, torch.zeros_like(scores), torch.zeros_like(scores)
    rewards[torch.arange(len(scores)), mask.sum(1) - 1] += scores
    columns = []
    for t in reversed(range(mask.shape[1])):
        later = (rewards[:, t] + gamma * following - values[:, t] + gamma * lam * later) * mask[:, t]
        following = values[:, t] * mask[:, t]
        columns.insert(0, later)
    advantages = torch.stack(columns, dim=1)
    real = advantages[mask]
    whitened = (advantages - real.mean()) / (real.var(correction=0) + 1e-8).sqrt()
    return whitened * mask, advantages + values


@right("experience")
def text_by_text_in_a_list(scores, old, ref, values, mask, *, kl_coef, gamma, lam):
    advantages = torch.zeros_like(values)
    for i, length in enumerate(mask.sum(dim=1).tolist()):
        for t in range(length):
            for s in range(t, length):
                reward = kl_coef * (ref[i, s] - old[i, s]) + (scores[i] if s == length - 1 else 0)
                ahead = values[i, s + 1] if s + 1 < length else 0
                advantages[i, t] += (gamma * lam) ** (s - t) * (reward + gamma * ahead - values[i, s])
    centred = torch.where(mask, advantages - advantages[mask].mean(), 0)
    return [centred * torch.rsqrt((centred**2).sum() / mask.sum() + 1e-8), torch.where(mask, advantages + values, 0)]


@right("ppo_loss")
def of_sums_over_the_number_of_tokens(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    ratio = torch.exp((new - old) * mask)
    surrogate = torch.max(-ratio * advantages, -ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
    near = old_values + (values - old_values).clamp(-clip_eps, clip_eps)
    errors = torch.max((values - returns).square(), (near - returns).square())
    return ((surrogate + vf_coef / 2 * errors) * mask).sum() / mask.sum()


@right("ppo_loss")
def of_the_real_tokens(new, values, old, old_values, advantages, returns, mask, *, clip_eps, vf_coef):
    new, values, old, old_values, advantages, returns = (
        part[mask] for part in (new, values, old, old_values, advantages, returns)
    )
    ratio = (new - old).exp()
    kept = torch.where(advantages > 0, ratio.clamp(max=1 + clip_eps), ratio.clamp(min=1 - clip_eps))
    near = torch.minimum(torch.maximum(values, old_values - clip_eps), old_values + clip_eps)
    errors = torch.maximum((values - returns) ** 2, (near - returns) ** 2)
    return vf_coef * 0.5 * errors.mean() - (kept * advantages).mean()


@right("response_mask")
def by_lengths(response_ids, *, eos_id):
    is_eos = response_ids == eos_id
    lengths = torch.where(is_eos.any(dim=1), is_eos.int().argmax(dim=1) + 1, response_ids.shape[1])
    return torch.arange(response_ids.shape[1]) < lengths[:, None]


@right("response_mask")
def token_by_token_up_to_the_first_eos(response_ids, *, eos_id):
    mask = torch.zeros_like(response_ids)
    for i, row in enumerate(response_ids.tolist()):
        for t, token in enumerate(row):
            mask[i, t] = 1
            if token == eos_id:
                break
    return mask.bool()


@right("response_mask")
def moved_by_one(response_ids, *, eos_id):
    words = (response_ids != eos_id).cumprod(dim=1)
    return torch.cat([torch.ones_like(words[:, :1]), words[:, :-1]], dim=1)


@right("alliteration")
def by_letters_and_places(text):
    found = [word.strip("\"',.!?").lower() for word in text.split()]
    for i in range(len(found) - 2):
        a, b, c = found[i : i + 3]
        if a[0] == b[0] == c[0] and a != b and b != c and a != c:
            return text[-1] == "."
    return False


@right("pass_at_k")
def by_binomials(passed, *, samples, k):
    all_fail = [math.comb(samples - c, k) / math.comb(samples, k) for c in passed.tolist()]
    return 1 - torch.tensor(all_fail)


@right("pass_at_k")
def as_chen_et_al_have_it(passed, *, samples, k):
    def of_one(c):
        if samples - c < k:
            return 1.0
        return 1.0 - torch.prod(1.0 - k / torch.arange(samples - c + 1, samples + 1)).item()

    return torch.tensor([of_one(c) for c in passed.tolist()])


@right("pass_at_k")
def by_all_sets(passed, *, samples, k):
    rows = [[i < c for i in range(samples)] for c in passed.tolist()]
    every = list(combinations(range(samples), k))
    return torch.tensor([sum(any(row[i] for i in chosen) for chosen in every) / len(every) for row in rows])


@right("best_pass_rate")
def by_two_weights(ref_pass_rate, *, kl_coef):
    passing = ref_pass_rate * math.exp(1 / kl_coef)
    return passing / (passing + 1 - ref_pass_rate)


@right("best_pass_rate")
def by_odds(ref_pass_rate, *, kl_coef):
    odds = ref_pass_rate / (1 - ref_pass_rate) * math.exp(1 / kl_coef)
    return odds / (1 + odds)


@right("dr_grpo_loss")
def text_by_text_and_token_by_token(logprobs, old_logprobs, advantages, response_mask, *, longest, clip_eps):
    total = 0.0
    for i, real in enumerate(response_mask):
        ratio, advantage = (logprobs[i][real] - old_logprobs[i][real].detach()).exp(), advantages[i].detach()
        total = total + torch.min(ratio * advantage, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantage).sum()
    return -total / (longest * len(logprobs))


@right("dr_grpo_loss")
def with_the_mask_last(logprobs, old_logprobs, advantages, response_mask, *, longest, clip_eps):
    advantages, ratio = advantages.detach()[:, None], torch.exp(logprobs - old_logprobs.detach())
    climbed = torch.minimum(ratio * advantages, ratio.clamp(1 - clip_eps, 1 + clip_eps) * advantages)
    return -(climbed * response_mask).sum(dim=1).mean() / longest
