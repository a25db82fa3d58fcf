"""The student's PPO loop on the critic, beside the library's."""

from collections.abc import Callable, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from course_lib.classroom.show import show
from course_lib.classroom.style import POLICY, REFERENCE, styled
from course_lib.training.files.paths import REWARD_MODEL
from course_lib.training.reward_model import load_reward_model
from course_lib.training.settings import RunSettings
from course_lib.training.setup import Setup

SAME = 1e-3  # of a standard deviation: rounding grows from step to step


def own_ppo(*, train_ppo: Callable, steps: int = 8, batch_size: int = 64) -> None:
    """Train the small GPT-2 by the student's loop and by ours, and show the scores of both."""
    print(f"{steps} steps by your loop, and {steps} by the library's: about half a minute.")
    settings = RunSettings(iterations=steps, batch_size=batch_size)
    own, library = Setup(settings), Setup(settings)
    scorer = own.scorer(load_reward_model(REWARD_MODEL))
    own.policy.read_values_from(scorer.reward_model)
    # the library's own stream: who draws from it in the same order gets the same numbers
    models = own.policy, own.reference, own.training_prompts
    mine = train_ppo(*models, scorer.score, settings=settings, generator=own.generator(2))
    mine = [float(score) for score in mine]
    ours = [record["score"] for record in library.records(scorer)]
    show(ppo_figure(mine, ours), say_scores(mine, ours))


def say_scores(mine: Sequence[float], ours: Sequence[float]) -> str:
    """What the last texts scored, and whether the two runs are one."""
    ends = f"Score at step {len(ours)}: yours {mine[-1]:+z.2f}, the library's {ours[-1]:+z.2f}"
    if len(mine) == len(ours) and torch.allclose(torch.tensor(mine), torch.tensor(ours), atol=SAME):
        return f"{ends}; the same at every step, but for rounding."
    return f"{ends}. The same numbers come where prompts, texts and rows are drawn in the library's order."


def ppo_figure(mine: Sequence[float], ours: Sequence[float]) -> Figure:
    """Draw the student's scores over ours."""
    with styled():
        figure = Figure(figsize=(6, 3.4))
        ax = figure.subplots()
        for scores, colour, width, text in ((ours, REFERENCE, 6, "the library's"), (mine, POLICY, 2, "yours")):
            ax.plot(range(1, len(scores) + 1), scores, color=colour, linewidth=width, label=text)
        ax.set_xlabel("PPO step")
        ax.set_title("Score (sd) of the batches")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend()
    return figure
