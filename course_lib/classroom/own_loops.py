"""The student's training loops on what people said, beside ours."""

from collections.abc import Callable, Sequence

import torch
from matplotlib.figure import Figure
from torch.nn import functional as F

from course_lib.classroom.exercises.loops import train_on_ratings as our_ratings_loop
from course_lib.classroom.exercises.loops import train_reward_model as our_choices_loop
from course_lib.classroom.plots.training import running_mean
from course_lib.classroom.show import show
from course_lib.classroom.style import REFERENCE, REWARD_MODEL, styled
from course_lib.equations.preferences import bradley_terry_loss as our_loss
from course_lib.training.agreement import agreement
from course_lib.training.features import load_features
from course_lib.training.ratings import draw_pairs, load_ratings
from course_lib.training.reward_model import MLPRewardModel

PAIRS, WINDOW = 10_000, 20
SETTINGS = {"epochs": 2, "batch_size": 64, "learning_rate": 1e-3}


def own_loops(
    *,
    train_on_ratings: Callable | None = None,
    train_reward_model: Callable | None = None,
    bradley_terry_loss: Callable | None = None,
) -> None:
    """Train the small network by the student's loops and by ours, and show curves and held-out pair accuracies."""
    train, test = load_ratings(split="train"), load_ratings(split="test")
    test_features, test_ratings = load_features(test), torch.tensor([sentence.mean for sentence in test])

    def trained(loop: Callable, columns: Sequence[torch.Tensor], loss: Callable) -> tuple[list[float], float]:
        torch.manual_seed(0)
        model = MLPRewardModel()
        losses = loop(model, *columns, loss=loss, generator=torch.Generator().manual_seed(0), **SETTINGS)
        return losses, agreement(model(test_features).detach(), test_ratings)["pair_accuracy"]

    runs = {}
    if train_on_ratings:
        columns = load_features(train), torch.tensor([sentence.mean for sentence in train])
        runs["ratings"] = trained(train_on_ratings, columns, F.mse_loss), trained(our_ratings_loop, columns, F.mse_loss)
    if train_reward_model:
        pairs = draw_pairs(train, count=PAIRS, generator=torch.Generator().manual_seed(0))
        columns = tuple(load_features(side) for side in zip(*pairs, strict=True))
        loss = bradley_terry_loss or our_loss
        runs["choices"] = trained(train_reward_model, columns, loss), trained(our_choices_loop, columns, our_loss)
    if not runs:
        print("This shows my_train_on_ratings or my_train_reward_model once its check has passed; run it again then.")
        return
    parts = (f"from {name} {mine:.3f} (ours {ours:.3f})" for name, ((_, mine), (_, ours)) in runs.items())
    curves = {name: (mine, ours) for name, ((mine, _), (ours, _)) in runs.items()}
    says = f"Your loop's pair accuracy on held-out sentences: {', '.join(parts)}."
    show(loops_figure(curves), says)
    print(says)


def loops_figure(curves: dict[str, tuple[list[float], list[float]]]) -> Figure:
    """Draw the loss of the student's loop over that of ours, by what they learn from."""
    with styled():
        figure = Figure(figsize=(min(4.6 * len(curves), 9.6), 3.4))
        for ax, (name, (mine, ours)) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items()):  # noqa: B905
            for losses, colour, width, text in ((ours, REFERENCE, 6, "ours"), (mine, REWARD_MODEL, 2, "yours")):
                values = running_mean(torch.tensor(losses).numpy(), WINDOW)
                ax.plot(range(1, len(values) + 1), values, color=colour, linewidth=width, label=text)
            ax.set_xlabel("step")
            ax.set_title(f"loss on {name}")
            ax.legend()
    return figure
