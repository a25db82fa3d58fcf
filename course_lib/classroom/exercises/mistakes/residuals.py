"""Wrong versions of the exercise on TD residuals."""

import torch

from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import advantages
from course_lib.equations.advantages import td_residuals


def _next(values):
    return torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)


def _as_many_columns_as_texts(rewards, values, mask, *, gamma):
    shown, result = slice(len(rewards)), torch.zeros_like(rewards)
    result[:, shown] = td_residuals(rewards[:, shown], values[:, shown], mask[:, shown], gamma=gamma)
    return result


def _last_left_out(rewards, values, mask, *, gamma):
    result = td_residuals(rewards, values, mask, gamma=gamma)
    result[:, -1] = 0
    return result


def _along_the_rows(rewards, values, mask, *, gamma):
    return (rewards + gamma * torch.cat([values[1:], torch.zeros_like(values[:1])]) - values) * mask


TD_RESIDUALS = Exercise(
    reference=advantages.td_residuals,
    success="each token is judged by its reward and the change in value, and nothing follows the last real one.",
    probes=[
        probe(rewards=[[3]], values=[[1]], response_mask=[[1]], gamma=0.5),
        probe(rewards=[[1, 3]], values=[[2, 4]], response_mask=[[1, 1]], gamma=0.5),
        probe(rewards=[[1, 3, 7]], values=[[2, 4, 8]], response_mask=[[1, 1, 0]], gamma=0.5),
        probe(
            rewards=[[1, 0, 2], [3, 1, 1]],
            values=[[2, 1, 3], [5, 4, 6]],
            response_mask=[[1, 1, 1], [1, 0, 0]],
            gamma=0.9,
        ),
    ],
    draw=lambda d: {
        "rewards": d.tokens(),
        "values": d.tokens(),
        "response_mask": d.mask(),
        "gamma": d.one_of(0.5, 0.9, 1.0),
    },
    mistakes=[
        Mistake(
            "gamma is forgotten",
            "The next value lies one step ahead: multiply it by gamma.",
            lambda rewards, values, mask, *, gamma: td_residuals(rewards, values, mask, gamma=1),
        ),
        Mistake(
            "gamma multiplies the reward too",
            "The reward comes now; only the next value is discounted.",
            lambda rewards, values, mask, *, gamma: (gamma * (rewards + _next(values * mask)) - values) * mask,
        ),
        Mistake(
            "gamma multiplies the token's own value",
            "Its own value counts in full; the next one is discounted.",
            lambda rewards, values, mask, *, gamma: (rewards + _next(values * mask) - gamma * values) * mask,
        ),
        Mistake(
            "the value is added, not subtracted",
            "A residual is a surprise: what came, less what was expected.",
            lambda rewards, values, mask, *, gamma: (rewards + gamma * _next(values * mask) + values) * mask,
        ),
        Mistake(
            "value and next value are exchanged",
            "Reward and next value are what came, the value what was expected: subtract the value.",
            lambda rewards, values, mask, *, gamma: (rewards + values - gamma * _next(values * mask)) * mask,
        ),
        Mistake(
            "the value is not subtracted",
            "Without it this is what came, not the surprise.",
            lambda rewards, values, mask, *, gamma: (rewards + gamma * _next(values * mask)) * mask,
        ),
        Mistake(
            "the next value is missing",
            "What the text is worth after this token belongs to it: add gamma * next value.",
            lambda rewards, values, mask, *, gamma: (rewards - values) * mask,
        ),
        Mistake(
            "the last token has no residual",
            "The loop ends one token too early: go through all of them, with 0 for what follows the last.",
            _last_left_out,
        ),
        Mistake(
            "the whole sign is reversed",
            "A token that turns out better than expected has a positive residual.",
            lambda rewards, values, mask, *, gamma: -td_residuals(rewards, values, mask, gamma=gamma),
        ),
        Mistake(
            "the value of padding counts as the next value",
            "Nothing follows the last real token: set values to 0 at padding before you shift them.",
            lambda rewards, values, mask, *, gamma: (rewards + gamma * _next(values) - values) * mask,
        ),
        Mistake(
            "the last token's own value counts as its next value",
            "Nothing follows the last real token: append a 0, not the last value again.",
            lambda rewards, values, mask, *, gamma: (
                (rewards + gamma * torch.cat([values[:, 1:], values[:, -1:]], dim=1) - values) * mask
            ),
        ),
        Mistake(
            "the first value comes round to the end",
            "torch.roll puts the first token's value after the last token: nothing follows it, append a 0.",
            lambda rewards, values, mask, *, gamma: (rewards + gamma * values.roll(-1, dims=1) - values) * mask,
            also=(
                lambda rewards, values, mask, *, gamma: (
                    (rewards + gamma * (values * mask).roll(-1, dims=1) - values) * mask
                ),
                lambda rewards, values, mask, *, gamma: (rewards + gamma * values.roll(-1) - values) * mask,
                lambda rewards, values, mask, *, gamma: (rewards + gamma * (values * mask).roll(-1) - values) * mask,
            ),
        ),
        Mistake(
            "the previous value is taken, not the next",
            "Shift the other way: values[:, 1:] and a 0 at the end.",
            lambda rewards, values, mask, *, gamma: (
                (rewards + gamma * torch.cat([torch.zeros_like(values[:, :1]), values[:, :-1]], dim=1) - values) * mask
            ),
        ),
        Mistake(
            "the next token's reward is taken",
            "rewards[:, t] comes with token t: do not shift the rewards.",
            lambda rewards, values, mask, *, gamma: td_residuals(_next(rewards * mask), values, mask, gamma=gamma),
        ),
        Mistake(
            "the next text's value is taken, not the next token's",
            "A row is a text and a column a token: the next token's value is values[:, t + 1].",
            _along_the_rows,
        ),
        Mistake(
            "the loop runs over the texts, not over the tokens",
            "len(values) counts texts: tokens are values.shape[1], and values[:, t] is the column of one.",
            _as_many_columns_as_texts,
        ),
        Mistake(
            "padding is not set to 0",
            "Multiply the result by response_mask.",
            lambda rewards, values, mask, *, gamma: rewards + gamma * _next(values * mask) - values,
        ),
        Mistake(
            "the mask is not used",
            "Padding counts as the next value of the last real token, and has residuals of its own: set both to 0.",
            lambda rewards, values, mask, *, gamma: rewards + gamma * _next(values) - values,
        ),
    ],
)
