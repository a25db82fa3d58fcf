"""The panels in which a PPO run is shown: one a question, each with a sentence that says how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from course_lib.classroom.style import GOLD, JUDGE, NEGATIVE, POLICY, REWARD_MODEL
from course_lib.training.record import LOOKING_ON, Record


@dataclass(frozen=True)
class Line:
    """One metric of the run: its name in `metrics.jsonl`, its colour, how its last value is written, its name."""

    metric: str
    colour: str = POLICY
    number: str = "{:z.2f}"
    name: str = ""


@dataclass(frozen=True)
class Panel:
    """One small picture: title, unit, lines, how to read it, which values are always in view, a labelled zero line."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    meaning: str
    in_view: tuple[float, ...] = (0.0,)
    lowest: float = -np.inf
    zero: str = ""


PANELS = (
    Panel(
        "Score",
        "standard deviations",
        (Line("score", REWARD_MODEL, "{:+z.2f}"),),
        "What the reward model says of the texts; 0 is the average text of the model before training.",
        zero="before training",
    ),
    Panel(
        "Independent judge",
        "VADER compound, −1 to 1",
        (Line("judge", JUDGE, "{:+z.2f}"),),
        "What a judge says that PPO never sees; if the score rises and this falls, the reward model is being fooled.",
        zero="neutral",
    ),
    Panel(
        "KL from the reference",
        "nats per response",
        (Line("kl"),),
        "How far the policy has moved from the model it started as; the KL penalty pulls it back.",
    ),
    Panel(
        "Response length",
        "tokens",
        (Line("response_length", number="{:.1f}"),),
        "How long the texts are; a policy that pads or stops early to please the reward model shows here.",
    ),
    Panel(
        "Texts that end by themselves",
        "share of responses",
        (Line("eos_share", number="{:.0%}"),),
        "How many responses reach the end-of-text token before they are cut off.",
        in_view=(0.0, 1.0),
    ),
    Panel(
        "Variety",
        "share",
        (
            Line("distinct_2", number="{:.0%}", name="distinct word pairs"),
            Line("top_word_share", NEGATIVE, "{:.0%}", "most frequent word"),
        ),
        "How many neighbouring word pairs are different ones, and how much of the text is one word: "
        "the first falls and the second rises as texts become all alike.",
        in_view=(0.0, 1.0),
    ),
    Panel(
        "Entropy",
        "nats per token",
        (Line("entropy"),),
        "How undecided the policy still is about its next token; near 0 it always writes the same.",
    ),
    Panel(
        "Clip fraction",
        "share of tokens",
        (Line("clip_fraction", number="{:.0%}"),),
        "How many tokens the clipped objective held back from a larger step.",
    ),
    Panel(
        "Explained variance",
        "1 is perfect",
        (Line("explained_variance"),),
        "How much of the returns the value function foresaw; at or below 0 it is no help.",
        in_view=(0.0, 1.0),
        lowest=-1.0,
        zero="no help",
    ),
)


LOOKS_ON = Panel(
    "People’s reward model",
    "standard deviations",
    (Line(LOOKING_ON, GOLD, "{:+z.2f}"),),
    "What the reward model that learned from people says, which PPO does not please here; if your reward rises and "
    "this does not, your reward is being fooled.",
    zero="before training",
)


def panels_of(metrics: Sequence[Record]) -> tuple[Panel, ...]:
    """The panels of a run: where it pleased a reward of a student's own, the reward model stands beside it."""
    if LOOKING_ON not in metrics[0]:
        return PANELS
    own = [replace(panel, meaning=panel.meaning.replace("the reward model", "your reward")) for panel in PANELS]
    return (replace(own[0], title="Your reward"), LOOKS_ON, *own[1:])


def panels_named(names: Sequence[str]) -> tuple[Panel, ...]:
    """One panel for each metric; with that of a reward model that looks on, the score is a reward of one's own."""
    panels = panels_of([dict.fromkeys(names)])
    return tuple(next(panel for panel in panels if panel.lines[0].metric == name) for name in names)
