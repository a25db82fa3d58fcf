"""Wrong versions of the exercises on verified rewards: pass@k, the best pass rate, and a verifier."""

import math

import torch

from course_lib.classroom.exercises.draws import Draw
from course_lib.classroom.exercises.exercise import Exercise, Mistake, probe
from course_lib.equations import verified
from course_lib.training.experiments import rules
from course_lib.training.texts import words


def _drawn_counts(d: Draw) -> dict:
    samples = d.one_of(4, 8, 12)
    return {"passed": d.ids(samples + 1)[0], "samples": samples, "k": d.one_of(1, 2, 3, 4)}


def _sets(chosen: torch.Tensor, samples: int, k: int) -> torch.Tensor:
    """C(chosen, k) / C(samples, k) for each number of `chosen`."""
    return torch.tensor([math.comb(c, k) / math.comb(samples, k) for c in chosen.tolist()])


PASS_AT_K = Exercise(
    reference=verified.pass_at_k,
    success="the share of all sets of k samples in which one or more pass, without choosing any.",
    probes=[
        probe(passed=[1], samples=4, k=2),
        probe(passed=[0, 2, 4], samples=4, k=2),
        probe(passed=[1, 3], samples=4, k=1),
        probe(passed=[2, 7, 5], samples=8, k=4),
    ],
    draw=_drawn_counts,
    mistakes=[
        Mistake(
            "the pass rate of N samples is raised to k",
            "1 - (1 - passed / N)^k draws a sample twice and comes out too low: the k are different ones of the N.",
            lambda passed, *, samples, k: 1 - (1 - passed / samples) ** k,
        ),
        Mistake(
            "this is the chance that all k fail",
            "Take it from 1: one or more pass where not all fail.",
            lambda passed, *, samples, k: _sets(samples - passed, samples, k),
        ),
        Mistake(
            "this is the chance that all k pass",
            "One that passes is enough: 1 less the chance that all k fail.",
            lambda passed, *, samples, k: _sets(passed, samples, k),
        ),
        Mistake(
            "this is the chance that one or more fail",
            "Count the sets without one that passes: choose k out of the N - passed that fail.",
            lambda passed, *, samples, k: 1 - _sets(passed, samples, k),
        ),
        Mistake(
            "k times the pass rate is taken",
            "Two samples may both pass, which counts once: chances of k tries do not add up.",
            lambda passed, *, samples, k: k * passed / samples,
            also=(lambda passed, *, samples, k: (k * passed / samples).clamp(max=1.0),),
        ),
        Mistake(
            "the pass rate of one sample is given, whatever k",
            "passed / N is pass@1; with more samples the chance that one of them passes grows.",
            lambda passed, *, samples, k: passed / samples,
        ),
        Mistake(
            "all N samples are tried, not k of them",
            "That one of N passed says that a set of N has one: count the sets of k. With // too a "
            "share below 1 becomes 0: divide by /.",
            lambda passed, *, samples, k: (passed > 0).float(),
        ),
        Mistake(
            "the failing samples do not become fewer as they are drawn",
            "After one that fails is drawn, one less is left that fails: samples - passed - 1, and so on.",
            lambda passed, *, samples, k: (
                1 - torch.stack([(samples - passed) / (samples - drawn) for drawn in range(k)]).prod(0)
            ),
        ),
        Mistake(
            "the samples do not become fewer as they are drawn",
            "After one is drawn, samples - 1 are left to draw from, and so on.",
            lambda passed, *, samples, k: (
                1 - torch.stack([(samples - passed - drawn).clamp(min=0) / samples for drawn in range(k)]).prod(0)
            ),
        ),
        Mistake(
            "0 is given where fewer than k fail",
            "There every set of k holds one that passes: the chance is 1.",
            lambda passed, *, samples, k: torch.where(
                samples - passed >= k, 1 - _sets(samples - passed, samples, k), torch.zeros(len(passed))
            ),
        ),
        Mistake(
            "exactly one of the k passes",
            "Two or more that pass are as good: 1 less the chance that all k fail.",
            lambda passed, *, samples, k: torch.tensor(
                [c * math.comb(samples - c, k - 1) / math.comb(samples, k) for c in passed.tolist()]
            ),
        ),
        Mistake(
            "one number for all prompts is returned, their mean",
            "One number per prompt is asked: leave the mean to whoever wants it.",
            lambda passed, *, samples, k: verified.pass_at_k(passed, samples=samples, k=k).mean(),
        ),
    ],
)


def _odds(rate: torch.Tensor) -> torch.Tensor:
    return rate / (1 - rate)


BEST_PASS_RATE = Exercise(
    reference=verified.best_pass_rate,
    success="every text that passes becomes e^(1 / kl_coef) times as likely beside one that does not.",
    probes=[
        probe(ref_pass_rate=[0.25], kl_coef=0.5),
        probe(ref_pass_rate=[0.01, 0.5], kl_coef=2.0),
        probe(ref_pass_rate=[0.1, 0.75], kl_coef=1.0),
    ],
    draw=lambda d: {
        "ref_pass_rate": d.each_of((0.001, 0.01, 0.1, 0.25, 0.5, 0.8)),
        "kl_coef": d.one_of(0.2, 0.5, 1, 2),
    },
    mistakes=[
        Mistake(
            "the weights are not made to add up to 1",
            "p e^(1 / kl_coef) is a weight: divide it by itself and the weight 1 - p of what fails.",
            lambda ref_pass_rate, *, kl_coef: ref_pass_rate * math.exp(1 / kl_coef),
        ),
        Mistake(
            "kl_coef multiplies where it should divide",
            "A reward of 1 counts 1 / kl_coef: the cheaper it is to leave the reference, the more.",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate.logit() + kl_coef),
        ),
        Mistake(
            "the logit is multiplied by 1 / kl_coef",
            "The reward is added to the logit: at a reward of 0 everywhere the rate stays as it is.",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate.logit() / kl_coef),
        ),
        Mistake(
            "texts that fail are weighted too",
            "Their reward is 0 and e^0 is 1: only p is multiplied.",
            lambda ref_pass_rate, *, kl_coef: ref_pass_rate,
        ),
        Mistake(
            "texts that fail become likelier",
            "The sign of the reward is positive in the exponent.",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate.logit() - 1 / kl_coef),
        ),
        Mistake(
            "1 is added to the logit, whatever kl_coef",
            "At 0.5 the reward counts twice as much as at 1: e^(1 / kl_coef).",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate.logit() + 1),
        ),
        Mistake(
            "the odds are returned",
            "Odds of 3 to 1 are a rate of 3 / 4: odds / (1 + odds).",
            lambda ref_pass_rate, *, kl_coef: _odds(ref_pass_rate) * math.exp(1 / kl_coef),
        ),
        Mistake(
            "the logit of the rate is returned",
            "torch.sigmoid turns a logit into a rate, between 0 and 1.",
            lambda ref_pass_rate, *, kl_coef: ref_pass_rate.logit() + 1 / kl_coef,
        ),
        Mistake(
            "the rate stands in the sigmoid, not its logit",
            "The sigmoid undoes the logit, log(p / (1 - p)): add 1 / kl_coef to that.",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate + 1 / kl_coef),
        ),
        Mistake(
            "the logarithm of the rate stands in the sigmoid, not its logit",
            "The logit is log p - log(1 - p); the second part matters unless p is small. As a fraction: below "
            "the line stands p e^(1 / kl_coef) + 1 - p, not + 1.",
            lambda ref_pass_rate, *, kl_coef: torch.sigmoid(ref_pass_rate.log() + 1 / kl_coef),
        ),
    ],
)

VOCABULARY = ("a", "big", "Bold", "bold", "both", '"but', "time,", "the", "The", "that,", "art", "and", "film")
ENDS = (".", ".", ".", "", "!")


def _drawn_text(d: Draw) -> dict:
    chosen = [VOCABULARY[i] for i in d.ids(len(VOCABULARY))[0].tolist()]
    return {"text": " ".join(chosen) + ENDS[d.one_of(*range(len(ENDS)))]}


def _in_a_row(found: list[str], *, size: int = 3, different: bool = True, step: int = 1) -> bool:
    rows = [found[i : i + size] for i in range(0, len(found) - size + 1, step)]
    return any(len({word[0] for word in row}) == 1 and (len(set(row)) == size or not different) for row in rows)


def _first_may_return(found: list[str]) -> bool:
    rows = zip(found, found[1:], found[2:], strict=False)
    return any(a[0] == b[0] == c[0] and a != b and b != c for a, b, c in rows)


def _anywhere(found: list[str]) -> bool:
    different = set(found)
    return any(sum(word[0] == letter for word in different) >= 3 for letter in {word[0] for word in different})


ALLITERATION = Exercise(
    reference=rules.alliteration,
    success="three different words in a row with one first letter, and a full stop; nothing else counts.",
    probes=[
        probe(text="A bold, big, bad film."),
        probe(text="Very, very, very good."),
        probe(text="A big film."),
        probe(text="A bold film, big and bad."),
        probe(text="Big, bold, bad"),
        probe(text="Time that the film took."),
        probe(text='It is "too true to tell.'),
        probe(text="A big bold art."),
        probe(text="Art is a big, bold, bad film."),
        probe(text="So big, bold, bad."),
        probe(text="Big, bold, bad."),
        probe(text="The big, bold, the bad film."),
        probe(text="Big, bold, bad. And that is"),
        probe(text="Big art, big and bold."),
    ],
    draw=_drawn_text,
    mistakes=[
        Mistake(
            "capitals are other letters",
            "The first word of a sentence has one: compare text.lower(), or take words(text).",
            lambda text: text.endswith(".") and _in_a_row([word.strip('",.!') for word in text.split()]),
        ),
        Mistake(
            "quotation marks and commas belong to the words",
            "split() leaves them on: words(text) gives the words without.",
            lambda text: text.endswith(".") and _in_a_row(text.lower().split()),
        ),
        Mistake(
            "the same word counts again",
            '"very, very, very" is the easiest way to please such a rule, and a policy finds it: len(set(row)) == 3.',
            lambda text: text.endswith(".") and _in_a_row(words(text), different=False),
        ),
        Mistake(
            "a text needs no full stop to pass",
            "Then one that was cut off passes too: text.endswith('.').",
            lambda text: _in_a_row(words(text)),
        ),
        Mistake(
            "no text passes",
            "words(text) leaves out punctuation, so that no word ends with a full stop: text.endswith('.').",
            lambda text: False,
        ),
        Mistake(
            "a full stop anywhere in the text is enough",
            "It has to end the text: text.endswith('.').",
            lambda text: "." in text and _in_a_row(words(text)),
        ),
        Mistake(
            "words that come again are taken out of the whole sentence",
            "Then words become neighbours that are none: look at three in a row, and whether these three differ.",
            lambda text: text.endswith(".") and _in_a_row(list(dict.fromkeys(words(text)))),
        ),
        Mistake(
            "the first and the third word may be the same",
            "Three different words are asked: len(set(row)) == 3, for x != y != z compares neighbours alone.",
            lambda text: text.endswith(".") and _first_may_return(words(text)),
        ),
        Mistake(
            "two words in a row are enough",
            "Three are asked: two have the same first letter in a third of all first samples.",
            lambda text: text.endswith(".") and _in_a_row(words(text), size=2),
        ),
        Mistake(
            "the three words may stand anywhere",
            "They must be neighbours: look at each word with the two behind it.",
            lambda text: text.endswith(".") and _anywhere(words(text)),
        ),
        Mistake(
            "only the first three words are looked at",
            "Any three neighbours will do: go through the sentence.",
            lambda text: text.endswith(".") and _in_a_row(words(text)[:3]),
        ),
        Mistake(
            "the last three words are not looked at",
            "n words have n - 2 rows of three: range(len(found) - 2).",
            lambda text: text.endswith(".") and _in_a_row(words(text)[:-1]),
        ),
        Mistake(
            "the rows of three do not overlap",
            "Each word begins a row: step by 1, not by 3.",
            lambda text: text.endswith(".") and _in_a_row(words(text), step=3),
        ),
        Mistake(
            "all words must begin with the same letter",
            "Three neighbours are enough, whatever stands around them.",
            lambda text: text.endswith(".") and len(set(words(text))) >= 3 and len({w[0] for w in words(text)}) == 1,
        ),
        Mistake(
            "True and False are exchanged",
            "True is for a text that passes.",
            lambda text: not rules.alliteration(text),
        ),
    ],
)
