"""Wrong versions of the exercise on generalised advantage estimation."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import advantages
from course_lib.equations.advantages import td_residuals


def _next(values):
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)


def _backwards(deltas, factor):
    result, carried = torch.zeros_like(deltas), torch.zeros_like(deltas[:, 0])
    for t in reversed(range(deltas.shape[1])):
        carried = deltas[:, t] + factor * carried
        result[:, t] = carried
    return result


def _forwards(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    return _backwards(deltas.flip(1), gamma * lam).flip(1) * mask


def _forwards_unmasked(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    return _backwards(deltas.flip(1), gamma * lam).flip(1)


def _terms(count):
    def version(rewards, values, mask, *, gamma, lam):
        deltas = td_residuals(rewards, values, mask, gamma=gamma)
        result = torch.zeros_like(deltas)
        for k in range(count):
            result = result + (gamma * lam) ** k * deltas
            deltas = _next(deltas)
        return result

    return version


def _rolled(following):
    def version(rewards, values, mask, *, gamma, lam):
        return _backwards((rewards + gamma * following(values, mask) - values) * mask, gamma * lam)

    return version


def _last_left_out(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    deltas[:, -1] = 0
    return _backwards(deltas, gamma * lam)


def _first_left_out(rewards, values, mask, *, gamma, lam):
    result = advantages.gae(rewards, values, mask, gamma=gamma, lam=lam)
    result[:, 0] = 0
    return result


def _next_delta_only(rewards, values, mask, *, gamma, lam):
    deltas = td_residuals(rewards, values, mask, gamma=gamma)
    return deltas + gamma * lam * _next(deltas)


def _unmasked(rewards, values, gamma, lam):
    return _backwards(rewards + gamma * _next(values) - values, gamma * lam)


def _through_padding(rewards, values, mask, *, gamma, lam):
    deltas = rewards + gamma * _next(values * mask) - values
    return _backwards(deltas, gamma * lam) * mask


def _padding_value_at_the_end(rewards, values, mask, *, gamma, lam):
    deltas = (rewards + gamma * _next(values) - values) * mask
    return _backwards(deltas, gamma * lam)


def _forgets_gamma_in_deltas(rewards, values, mask, *, gamma, lam):
    return _backwards(td_residuals(rewards, values, mask, gamma=1), gamma * lam)


def _with_factor(factor):
    def version(rewards, values, mask, *, gamma, lam):
        return _backwards(td_residuals(rewards, values, mask, gamma=gamma), factor(gamma, lam))

    return version


def _back_over_texts(rewards, values, mask, *, gamma, lam):
    result = advantages.td_residuals(rewards, values, mask, gamma=gamma)
    for row in reversed(range(len(result) - 1)):
        result[row] += gamma * lam * result[row + 1]
    return result


GAE = Exercise(
    reference=advantages.gae,
    success="each token gets every surprise that follows, discounted by gamma * lam a step, and none from padding.",
    probes=[
        probe(rewards=[[3]], values=[[1]], response_mask=[[1]], gamma=0.5, lam=0.5),
        probe(rewards=[[1, 3]], values=[[2, 1]], response_mask=[[1, 1]], gamma=0.5, lam=0.5),
        probe(rewards=[[1, 0, 3]], values=[[2, 1, 1]], response_mask=[[1, 1, 1]], gamma=1.0, lam=0.5),
        probe(rewards=[[1, 3, 7]], values=[[2, 1, 8]], response_mask=[[1, 1, 0]], gamma=0.5, lam=0.5),
        probe(
            rewards=[[1, 0, 2], [3, 1, 1]],
            values=[[2, 1, 3], [5, 4, 6]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            gamma=0.9,
            lam=0.7,
        ),
    ],
    draw=lambda d: {
        "rewards": d.tokens(),
        "values": d.tokens(),
        "response_mask": d.mask(),
        "gamma": d.one_of(0.9, 1.0),
        "lam": d.one_of(0.8, 0.95, 1.0),
    },
    mistakes=[
        Mistake(
            "gamma is forgotten in the recursion",
            "Each step back multiplies by gamma * lam, not by lam alone.",
            _with_factor(lambda gamma, lam: lam),
        ),
        Mistake(
            "lam is forgotten in the recursion",
            "Each step back multiplies by gamma * lam, not by gamma alone.",
            _with_factor(lambda gamma, lam: gamma),
        ),
        Mistake(
            "gamma is used twice in the recursion",
            "Each step back multiplies by gamma * lam, once.",
            _with_factor(lambda gamma, lam: gamma * gamma * lam),
        ),
        Mistake(
            "the residuals are added up without a discount",
            "Each step back multiplies by gamma * lam.",
            _with_factor(lambda gamma, lam: 1),
        ),
        Mistake(
            "lam stands as 1 - lam",
            "A large lam looks far ahead: multiply by gamma * lam.",
            _with_factor(lambda gamma, lam: gamma * (1 - lam)),
        ),
        Mistake(
            "the recursion is missing: these are the TD residuals",
            "Add gamma * lam times the advantage of the token after, and go backwards, else that is still 0.",
            _with_factor(lambda gamma, lam: 0),
        ),
        Mistake(
            "gamma is forgotten in the residuals",
            "The next value is multiplied by gamma there too.",
            _forgets_gamma_in_deltas,
        ),
        Mistake(
            "gamma is forgotten everywhere",
            "It stands in the residuals and, with lam, in the recursion.",
            lambda rewards, values, mask, *, gamma, lam: advantages.gae(rewards, values, mask, gamma=1, lam=lam),
        ),
        Mistake(
            "the loop goes back over the texts, not over the tokens",
            "len(rewards) counts texts: tokens are rewards.shape[1], and residuals[:, t] is the column of one.",
            _back_over_texts,
        ),
        Mistake(
            "the recursion runs forwards",
            "A token is credited with what comes after it: for t in reversed(range(length)).",
            _forwards,
            also=(_forwards_unmasked,),
        ),
        Mistake(
            "the advantages are in the wrong order",
            "A loop from the end appends the last token's advantage first: turn the list round, or write to [:, t].",
            lambda rewards, values, mask, *, gamma, lam: advantages.gae(
                rewards, values, mask, gamma=gamma, lam=lam
            ).flip(1),
            also=(
                lambda rewards, values, mask, *, gamma, lam: (
                    advantages.gae(rewards, values, mask, gamma=gamma, lam=lam).flip(1) * mask
                ),
            ),
        ),
        Mistake(
            "the sum stops after a few terms",
            "All residuals that follow count, however many: carry the advantage from step to step.",
            _terms(3),
            also=(_terms(4), _terms(5), _terms(6), _terms(8)),
        ),
        Mistake(
            "the first value comes round to the end of the residuals",
            "torch.roll puts the first token's value after the last token: nothing follows it, append a 0.",
            _rolled(lambda values, mask: values.roll(-1, dims=1)),
            also=(
                _rolled(lambda values, mask: (values * mask).roll(-1, dims=1)),
                _rolled(lambda values, mask: (values * mask).roll(-1)),
            ),
        ),
        Mistake(
            "the last token is left out",
            "Start the loop at the last index, length - 1; its advantage is its residual.",
            _last_left_out,
        ),
        Mistake(
            "the first token is left out",
            "The loop must reach index 0: reversed(range(length)).",
            _first_left_out,
        ),
        Mistake(
            "the recursion adds the next residual, not the next advantage",
            "Carry the advantage itself from step to step, so that all later surprises come with it.",
            _next_delta_only,
        ),
        Mistake(
            "the returns are given",
            "Returns are advantages + values: leave out the values.",
            lambda rewards, values, mask, *, gamma, lam: (
                advantages.gae(rewards, values, mask, gamma=gamma, lam=lam) + values * mask
            ),
        ),
        Mistake(
            "the values are not used: rewards are added up",
            "The recursion runs over the TD residuals, not over the rewards.",
            lambda rewards, values, mask, *, gamma, lam: _backwards(rewards * mask, gamma * lam),
        ),
        Mistake(
            "the value of padding follows the last real token",
            "Nothing follows it: set values to 0 at padding before you shift them.",
            _padding_value_at_the_end,
        ),
        Mistake(
            "the recursion carries padding's residuals into the text",
            "Start from 0 at the last real token: set the residuals to 0 at padding before the loop.",
            _through_padding,
        ),
        Mistake(
            "padding is read, and only the result is masked",
            "Mask before the loop: padding must count neither as a next value nor as a residual.",
            lambda rewards, values, mask, *, gamma, lam: _unmasked(rewards, values, gamma, lam) * mask,
        ),
        Mistake(
            "the mask is not used at all",
            "Padding has no value, no reward and no advantage: set the residuals to 0 there before the loop.",
            lambda rewards, values, mask, *, gamma, lam: _unmasked(rewards, values, gamma, lam),
        ),
    ],
)
