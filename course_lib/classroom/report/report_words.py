"""The sentences of a run's report: what happened, in words and figures."""

from collections.abc import Iterator, Mapping, Sequence

from course_lib.classroom.plots.curves import metric
from course_lib.classroom.plots.panels import Panel
from course_lib.classroom.words import number
from course_lib.training.experiments.frontier import Frontier
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.texts import SIGNS


def headline(summary: Mapping) -> str:
    """Say in one sentence what the run did to the score."""
    change = summary["score_after"] - summary["score_before"]
    if abs(change) < 0.05:
        return f"In {summary['steps']} steps of PPO the score stayed where it was"
    how = "rose" if change > 0 else "fell"
    return f"In {summary['steps']} steps of PPO the score {how} by {abs(change):.1f} standard deviations"


def verdicts(summary: Mapping) -> Iterator[str]:
    """Say in sentences how the score, the judge and the texts fared."""
    before, after = number(summary["score_before"]), number(summary["score_after"])
    kl = number(summary["kl_after"], "{:z.1f}")
    scored = "your reward" if is_own(summary) else "the reward model’s score"
    yield (
        f"On prompts that training never saw, {scored} went from {before} to "
        f"{after} standard deviations, at a KL of {kl} nats from the model it started as."
    )
    if is_own(summary):
        yield judgement(summary, LOOKING_ON, "People’s reward model")
    yield judgement(summary)
    share = number(summary["eos_share_after"], "{:.0%}")
    yield f"{share} of the texts end by themselves."
    yield (
        f"At step {summary['degrades_at']} the texts first show a sign of degradation: {SIGNS}."
        if summary["degrades_at"] is not None
        else "At no step did the texts show a sign of degradation."
    )


def is_own(summary: Mapping) -> bool:
    """Tell whether a run pleased a reward of the student's own, and the reward model looked on."""
    return f"{LOOKING_ON}_after" in summary


def judgement(summary: Mapping, name: str = "judge", title: str = "The independent judge") -> str:
    """Say whether one that looked on saw the same change as the reward that was pleased."""
    if summary[f"{name}_before"] is None or summary[f"{name}_after"] is None:
        return f"{title} was not asked."
    gain, judged_gain = (summary[f"{metric}_after"] - summary[f"{metric}_before"] for metric in ("score", name))
    verdict = "agrees" if gain * judged_gain > 0 else "does not agree"
    pleased = "your reward" if is_own(summary) else "the reward model"
    fooled = f", a sign that the policy pleases {pleased} and not the reader" if gain > 0 >= judged_gain else ""
    before, after = number(summary[f"{name}_before"]), number(summary[f"{name}_after"])
    return f"{title} {verdict}: {before} before, {after} after{fooled}."


def describe_panel(metrics: Sequence[Record], panel: Panel) -> str:
    """Say in words and numbers what a panel shows, for those who do not see it."""
    steps, parts = metric(metrics, "step"), []
    for line in panel.lines:
        values = metric(metrics, line.metric)
        first, last = number(values[0], line.number), number(values[-1], line.number)
        name = f"{line.name} " if line.name else ""
        parts.append(f"{name}{first} at step {steps[0]:.0f}, {last} at step {steps[-1]:.0f}")
    return f"{panel.title} ({panel.unit}): " + "; ".join(parts) + "."


def describe_frontier(frontier: Frontier) -> str:
    """Say in words where the frontier lies, for those who do not see it."""
    kl, score = (number(values[-1], "{:.1f}") for values in (frontier.kl, frontier.score))
    return (
        "Score against KL, a point a step, and over it the most that a nat can buy: from "
        f"{number(frontier.score[0], '{:.1f}')} at 0 nats to {score} at {kl}, where the samples end that tell it."
    )


def against_frontier(kl: float, score: float, frontier: Frontier) -> str:
    """Say how far below the frontier a run ended, by its nats and its score on held-out prompts."""
    nats, most, fewest = number(kl, "{:z.1f}"), frontier.score_at(kl), frontier.nats_for(score)
    if fewest is None:
        end, best = number(frontier.kl[-1], "{:.1f}"), number(frontier.score[-1])
        return f"The best policy at {end} nats has about {best}; further out there are too few samples to tell."
    if fewest >= kl:
        return (
            f"Grey is the best that any policy could do; at {nats} nats the run is as good, as far as this can be told."
        )
    has = f"has about {number(most)} at the run’s {nats} nats, and " if most is not None else ""
    cheaper = f"needs about {number(fewest, '{:.1f}')} nats for the run’s score, which cost the run {nats}"
    return f"Grey is the best that any policy could do: it {has}{cheaper}."


def speed(summary: Mapping) -> list[str]:
    """Say in a sentence how fast a run was and how much memory it took; nothing of a run that did not measure it."""
    if "tokens_per_second" not in summary:
        return []
    tokens, memory = summary["tokens_per_second"], summary.get("peak_memory_gb")
    at_most = f", at most {number(memory, '{:.1f}')} GB of memory" if memory is not None else ""
    return [f"{number(tokens, '{:,.0f}')} response tokens a second{at_most}."]
