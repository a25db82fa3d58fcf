"""The equations once more, one number at a time and in 200 digits, where nothing overflows and nothing is rounded off.

Each yields pairs: the exact number, and the size of the numbers that it is made of, which rounding errors are a share
of. `a`, `b` and `c` are lists of rows without padding. A NaN stands where a docstring promises one.
"""

from collections.abc import Iterator
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import combinations

DIGITS = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])
LARGEST = Decimal("3.4028234663852886e38")  # of float32
NAN, INF = Decimal("NaN"), Decimal("Infinity")
Pairs = Iterator[tuple[Decimal, Decimal]]


def flat(*columns):
    """Walk through several lists of rows together, number by number."""
    return [numbers for rows in zip(*columns, strict=True) for numbers in zip(*rows, strict=True)]


def average(pairs: Pairs) -> Pairs:
    values, sizes = zip(*pairs, strict=True)
    yield sum(values) / len(values), sum(sizes) / len(sizes)


def variance(numbers: list[Decimal]) -> Decimal:
    """Half the mean squared difference of two numbers drawn at random."""
    return sum((x - y) ** 2 for x in numbers for y in numbers) / (2 * len(numbers) ** 2)


def real_values(a) -> Pairs:
    return ((x, abs(x)) for (x,) in flat(a))


def whiten(a, *, shift_mean: bool, eps: float) -> Pairs:
    numbers = [x for (x,) in flat(a)]
    mean, sd = sum(numbers) / len(numbers), (variance(numbers) + Decimal(eps)).sqrt()
    rounding = Decimal("1e-8") * max(map(abs, numbers))  # of the mean, which is taken in double precision
    for x in numbers:
        kept = 0 if shift_mean else mean
        yield (
            ((x - mean) / sd + kept, abs((x - mean) / sd) + abs(kept) + rounding / sd + rounding) if sd else (NAN, NAN)
        )


def kl_shaped_rewards(a, b, scores, *, kl_coef: float) -> Pairs:
    for policy, reference, (score, *_) in zip(a, b, scores, strict=True):
        for t, (p, q) in enumerate(zip(policy, reference, strict=True), start=1):
            paid = score if t == len(policy) else Decimal(0)
            yield paid + Decimal(kl_coef) * (q - p), abs(paid) + abs(Decimal(kl_coef) * (q - p))


def gae(a, b, *, gamma: float, lam: float) -> Pairs:
    """A weighted sum of all that follows: each reward and value counts once, with its own weight."""
    gamma, lam = Decimal(gamma), Decimal(lam)
    for rewards, values in zip(a, b, strict=True):
        for t in range(len(rewards)):
            terms = [-values[t]]
            for later, (reward, value) in enumerate(zip(rewards[t:], values[t:], strict=True)):
                decay = (gamma * lam) ** later if later else Decimal(1)
                terms += [decay * reward]
                if later:
                    earlier = (gamma * lam) ** (later - 1) if later > 1 else Decimal(1)
                    terms += [(earlier * gamma - decay) * value]
            yield sum(terms), sum(map(abs, terms)) + sum(map(abs, values[t:]))


def explained_variance(a, b) -> Pairs:
    values, returns = zip(*flat(a, b), strict=True)
    total = variance(returns)
    if not total:
        yield NAN, NAN
        return
    left = variance([r - v for v, r in zip(values, returns, strict=True)])
    rounding = Decimal("1e-8") * max(map(abs, values + returns)) ** 2
    yield (total - left) / total, (total + left + rounding) / total


def k3(a, b) -> Pairs:
    for p, q in flat(a, b):
        ratio = DIGITS.exp(q - p)
        yield ratio - 1 - (q - p), abs(ratio - 1) + abs(q - p) * (ratio + 1)


def distribution(logits, temperature: float = 1.0):
    """Log-probabilities over the vocabulary, by a sum of exponentials that cannot overflow."""
    logits = [logit / Decimal(temperature) for logit in logits]
    total = sum(DIGITS.exp(logit - max(logits)) for logit in logits).ln()
    return [logit - max(logits) - total for logit in logits]


def overflows(logits, temperature: float) -> bool:
    return abs(max(logits)) / Decimal(temperature) > LARGEST


def token_logprobs(a, *, temperature: float) -> Pairs:
    for logits in a:
        first = distribution(logits, temperature)[0]
        yield (NAN, NAN) if overflows(logits, temperature) else (first, 1 + abs(first))


def entropy(a, *, temperature: float) -> Pairs:
    for logits in a:
        logprobs = distribution(logits, temperature)
        terms = [(-DIGITS.exp(p) * p, DIGITS.exp(p) * (1 - p) ** 2) for p in logprobs]
        yield (NAN, NAN) if overflows(logits, temperature) else tuple(map(sum, zip(*terms, strict=True)))


def exact_kl(a, b) -> Pairs:
    for logits, ref_logits in zip(a, b, strict=True):
        both = list(zip(distribution(logits), distribution(ref_logits), strict=True))
        yield (
            sum(DIGITS.exp(p) * (p - q) for p, q in both),
            sum(DIGITS.exp(p) * (1 - p) * (1 - p - q) for p, q in both),
        )


def text_logprobs(a) -> Pairs:
    return ((sum(row), sum(map(abs, row))) for row in a)


def rloo_advantages(a) -> Pairs:
    """Where the rest has the mean m, a number is x - m: the mean of its differences from each of the others."""
    numbers = [x for (x,) in flat(a)]
    for i, x in enumerate(numbers):
        others = numbers[:i] + numbers[i + 1 :]
        if others:
            yield sum(x - y for y in others) / len(others), sum(map(abs, numbers))


def grpo_advantages(a, *, eps: float) -> Pairs:
    if len(flat(a)) > 1:
        yield from whiten(a, shift_mean=True, eps=eps)


def reinforce_loss(a, c) -> Pairs:
    rows = zip(text_logprobs(a), c, strict=True)
    pairs = [(-advantage * logprob, abs(advantage) * size) for (logprob, size), (advantage, *_) in rows]
    infinite = {value > 0 for value, _ in pairs if abs(value) > LARGEST}
    return iter([(NAN, NAN)]) if len(infinite) == 2 else average(pairs)


def probability_ratio(a, b) -> Pairs:
    for p, q in flat(a, b):
        yield DIGITS.exp(p - q), DIGITS.exp(p - q) * (1 + abs(p - q))


def clipped(ratio: Decimal, advantage: Decimal, clip_eps: float) -> Decimal:
    """The ratio may rise to the clip for a good token and fall to it for a bad one; past it nothing more is earned."""
    if advantage == 0:
        return NAN if ratio > LARGEST else Decimal(0)
    if advantage > 0:
        return min(ratio, 1 + Decimal(clip_eps)) * advantage
    return max(ratio, 1 - Decimal(clip_eps)) * advantage


def clipped_objective(a, b, *, clip_eps: float) -> Pairs:
    return ((clipped(r, x, clip_eps), abs(clipped(r, x, clip_eps)) + abs(x)) for r, x in flat(a, b))


def kl_penalised_objective(a, b, *, penalty: float) -> Pairs:
    for r, x in flat(a, b):
        if r > LARGEST or r == 0 == penalty:
            yield NAN, NAN
        elif r == 0:
            yield -INF, INF
        else:
            yield r * x - Decimal(penalty) * (r - 1 - r.ln()), r * abs(x) + Decimal(penalty) * (r + 1 + abs(r.ln()))


def policy_loss(a, b, c, *, clip_eps: float) -> Pairs:
    def losses() -> Pairs:
        for p, q, x in flat(a, b, c):
            ratio = DIGITS.exp(p - q) if DIGITS.exp(p - q) <= LARGEST else INF
            objective = clipped(ratio, x, clip_eps)
            yield -objective, abs(objective) * (1 + (abs(p - q) if ratio < INF else 0)) + abs(x)

    return average(losses())


def grpo_loss(a, b, c, *, clip_eps: float, kl_coef: float) -> Pairs:
    """With half the policy's log-probabilities for the reference's."""

    def loss_of_text(logprobs, old_logprobs, advantage) -> Pairs:
        new, old, advantages = [logprobs], [old_logprobs], [[advantage] * len(logprobs)]
        climbed, size = next(policy_loss(new, old, advantages, clip_eps=clip_eps))
        penalties = [(x, size) if x <= LARGEST else (INF, INF) for x, size in k3(new, [[p / 2 for p in logprobs]])]
        penalty, penalty_size = next(average(penalties))
        yield climbed + Decimal(kl_coef) * penalty, size + Decimal(kl_coef) * penalty_size

    rows = zip(a, b, c, strict=True)
    return average(next(loss_of_text(new, old, advantage)) for new, old, (advantage, *_) in rows)


def dr_grpo_loss(a, b, c, *, clip_eps: float, longest: int) -> Pairs:
    def loss_of_text(logprobs, old_logprobs, advantage) -> Pairs:
        climbed, size = next(policy_loss([logprobs], [old_logprobs], [[advantage] * len(logprobs)], clip_eps=clip_eps))
        share = Decimal(len(logprobs)) / longest
        yield climbed * share, size * share

    rows = zip(a, b, c, strict=True)
    return average(next(loss_of_text(new, old, advantage)) for new, old, (advantage, *_) in rows)


def value_loss(a, b, c, *, clip_eps: float | None) -> Pairs:
    def losses() -> Pairs:
        for value, old, target in flat(a, b, c):
            far = [value]
            if clip_eps is not None and abs(value - old) > Decimal(clip_eps):
                far.append(old + Decimal(clip_eps).copy_sign(value - old))
            size = sum(abs(x) for x in (*far, old, target)) ** 2
            yield max((x - target) ** 2 for x in far) / 2, size

    return average(losses())


def clip_fraction(a, b, *, clip_eps: float) -> Pairs:
    def bound() -> Pairs:
        for r, x in flat(a, b):
            yield Decimal((x > 0 and r > 1 + Decimal(clip_eps)) or (x < 0 and r < 1 - Decimal(clip_eps))), Decimal(1)

    return average(bound())


def bradley_terry_loss(a, b) -> Pairs:
    losses = ((1 + DIGITS.exp(lost - won)).ln() if lost < won + 10**4 else lost - won for won, lost in flat(a, b))
    return average((loss, loss * (1 + abs(won - lost))) for loss, (won, lost) in zip(losses, flat(a, b), strict=True))


def dpo_loss(a, b, c, *, kl_coef: float) -> Pairs:
    """With half the chosen text's log-probability for the reference's of the rejected one."""
    beta = Decimal(kl_coef)
    pairs = list(flat(a, b, c))
    chosen, rejected = [[beta * (p - ref) for p, _, ref in pairs]], [[beta * (q - p / 2) for p, q, _ in pairs]]
    (loss, size), rounding = next(bradley_terry_loss(chosen, rejected)), [beta * sum(map(abs, pair)) for pair in pairs]
    yield loss, size + sum(rounding) / len(rounding)


def preference_probability(a, b) -> Pairs:
    for won, lost in flat(a, b):
        weights = [DIGITS.exp(score - max(won, lost)) for score in (won, lost)]
        yield weights[0] / sum(weights), weights[0] * (1 + abs(won - lost)) / sum(weights)


def pair_accuracy(a, b) -> Pairs:
    return average((Decimal((won > lost) + (won >= lost)) / 2, Decimal(1)) for won, lost in flat(a, b))


def gain_and_bias(a) -> Pairs:
    numbers = [x for (x,) in flat(a)]
    mean, sd = sum(numbers) / len(numbers), variance(numbers).sqrt()
    if sd:
        yield 1 / sd, (1 + max(map(abs, numbers)) / sd * Decimal("1e-8")) / sd
        yield -mean / sd, max(map(abs, numbers)) / sd


def best_of_n_distribution(a, *, n: int) -> Pairs:
    """One row a language: its probabilities, with scores that are their own ranks, two and two equal."""
    for logits in a:
        probabilities = [DIGITS.exp(p) for p in distribution(logits)]
        for i, p in enumerate(probabilities):
            upper, lower = sum(probabilities[: i - i % 2 + 2]), sum(probabilities[: i - i % 2])
            share = p / (upper - lower) if upper > lower else Decimal(0)
            yield (upper**n - lower**n) * share, n * p


def expected_best_of_n(a, b, *, n: int) -> Pairs:
    """The mean over all subsets of n samples, or of all samples where there are fewer, of what the best of them is."""
    for scores, values in zip(a, b, strict=True):
        bests = []
        for subset in combinations(range(len(scores)), min(n, len(scores))):
            best = [values[i] for i in subset if scores[i] == max(scores[j] for j in subset)]
            bests.append((sum(best) / len(best), sum(map(abs, best)) / len(best)))
        yield from average(bests)


def best_of_n_form(a, *, alpha: float, beta: float) -> Pairs:
    for (kl,) in flat(a):
        rise, fall = Decimal(alpha) * abs(kl).sqrt(), Decimal(beta) * abs(kl)
        yield (NAN, NAN) if kl < 0 else (rise - fall, abs(rise) + abs(fall))


def rl_form(a, *, alpha: float, beta: float) -> Pairs:
    for (kl,) in flat(a):
        d = abs(kl).sqrt()
        rise, fall = Decimal(alpha) * d, Decimal(beta) * d * d.ln() if d else Decimal(0)
        yield (NAN, NAN) if kl < 0 else (rise - fall, abs(rise) + abs(fall) + abs(Decimal(beta) * d))


def worst_score(a) -> Pairs:
    """One row an ensemble's scores of one text."""
    return ((min(scores), max(map(abs, scores))) for scores in a)


def mean_minus_spread(a, *, spread_coef: float) -> Pairs:
    for scores in a:
        mean, sd = sum(scores) / len(scores), variance(scores).sqrt()
        yield mean - Decimal(spread_coef) * sd, (1 + Decimal(spread_coef)) * max(map(abs, scores))
