"""Advantages on a text that the policy wrote, and how lambda trades their bias against their spread."""

from collections.abc import Callable, Sequence

import ipywidgets as widgets
import torch
from jaxtyping import Float
from torch import Tensor

from course_lib.classroom.canvas import Canvas
from course_lib.classroom.controls import choice, slider
from course_lib.classroom.demo import Demo
from course_lib.classroom.html import render
from course_lib.classroom.plots.advantages import LAMBDAS, AdvantagePicture, SpreadPicture
from course_lib.classroom.tokens import ColouredTokens
from course_lib.classroom.words import number
from course_lib.equations.advantages import gae, td_residuals
from course_lib.training.experiments.recorded_advantages import Beginning, WrittenText, load_advantages
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import own
from course_lib.training.settings import PPOSettings

VALUE_FUNCTIONS = {"as it learned": 1.0, "expects 0 everywhere": 0.0, "upside down": -1.0}
STRONGEST = 2.0  # the advantage with the strongest colour
DEFAULT_LAM = PPOSettings().lam


class AdvantageDemo(Demo):
    """A text with its tokens coloured by advantage; gamma and lambda are sliders, every number is in the picture."""

    def __init__(
        self,
        texts: Sequence[WrittenText],
        gae: Callable = gae,
        td_residuals: Callable = td_residuals,
        *,
        row: int = 0,
        gamma: float = 1.0,
        lam: float = DEFAULT_LAM,
    ):
        self.texts, self.gae, self.td_residuals = texts, own("gae", gae), own("td_residuals", td_residuals)
        self.pictured, self.named = AdvantagePicture(), None
        self.tokens, self.table = widgets.HTML(), widgets.HTML()
        controls = {
            "row": choice("text", {f"{place + 1} of {len(texts)}": place for place in range(len(texts))}, row),
            "gamma": slider("gamma", gamma, least=0.0, most=1.0, step=0.05),
            "lam": slider("lambda", lam, least=0.0, most=1.0, step=0.05),
        }
        super().__init__(Canvas(self.pictured.figure, self.pictured.moving), controls)
        self.children = [self.children[0], self.tokens, self.picture, self.sentence, self.table]

    def show(self, *, row: int, gamma: float, lam: float) -> str:
        """Draw the numbers of one text and say which token is judged best and which worst."""
        text = self.texts[row]
        if text is not self.named:
            self.named = text
            self.pictured.name(text.prompt, text.tokens)
            self.canvas.redraw()
        rewards, values = text.rewards[None], text.values[None]
        mask = torch.ones_like(rewards, dtype=torch.bool)
        try:
            residuals = self.td_residuals(rewards, values, mask, gamma=gamma).detach()
            advantages = self.gae(rewards, values, mask, gamma=gamma, lam=lam).detach()
        except CourseError as error:
            self.tokens.value = self.table.value = ""
            return str(error)
        columns = {"rewards": rewards, "values": values, "residuals": residuals, "advantages": advantages}
        columns["returns"] = advantages + values
        columns = {name: column[0].numpy() for name, column in columns.items()}
        self.pictured.move(**columns)
        coloured = columns["advantages"].tolist()
        self.tokens.value = ColouredTokens(
            text.tokens, coloured, prompt=text.prompt, says="advantage of each token", limit=STRONGEST, decimals=2
        ).html
        self.table.value = table(text.tokens, columns)
        return say_advantages(text, advantages[0], gamma=gamma, lam=lam)


class SpreadDemo(Demo):
    """The advantage of two tokens at one place, each estimated from many texts that go on from it."""

    def __init__(
        self,
        beginnings: Sequence[Beginning],
        gae: Callable = gae,
        *,
        believed: str = "as it learned",
        lam: float = DEFAULT_LAM,
    ):
        self.beginnings, self.gae = beginnings, own("gae", gae)
        self.curves = {}  # of each value function, once they were asked for
        self.pictured = SpreadPicture([f"“{beginning.token.strip()}”" for beginning in beginnings])
        controls = {
            "believed": choice("value function", {name: name for name in VALUE_FUNCTIONS}, believed),
            "lam": slider("lambda", lam, least=0.0, most=1.0, step=0.05),
        }
        super().__init__(Canvas(self.pictured.figure, self.pictured.moving), controls)

    def show(self, *, believed: str, lam: float) -> str:
        """Draw mean and spread over all lambdas and say how well one text tells the tokens apart at this one."""
        try:
            if believed not in self.curves:
                scale = VALUE_FUNCTIONS[believed]
                self.curves[believed] = [self.estimates(beginning, scale) for beginning in self.beginnings]
        except CourseError as error:
            return str(error)
        curves = self.curves[believed]
        means, spreads = zip(*((curve.mean(1).numpy(), curve.std(1).numpy()) for curve in curves), strict=True)
        self.pictured.move(means, spreads, lam=lam)
        here = round(lam * (len(LAMBDAS) - 1))
        better, worse = (curve[here] for curve in curves)
        right = (better[:, None] > worse).float().mean().item()
        parts = (
            f"“{beginning.token.strip()}” {number(mean[here].item())} ± {spread[here]:.2f}"
            for beginning, mean, spread in zip(self.beginnings, means, spreads, strict=True)
        )
        return (
            f"After “{self.beginnings[0].prompt}”, at lambda {lam:.2f}: {' and '.join(parts)}. One text for each token "
            f"puts the two in this order in {right:.0%} of all cases."
        )

    def estimates(self, beginning: Beginning, scale: float) -> Float[Tensor, "lambdas texts"]:
        """The advantage of the first token at every lambda, estimated from each text alone."""
        rewards, values, mask = beginning.rewards, scale * beginning.values, beginning.mask
        estimates = (self.gae(rewards, values, mask, gamma=1.0, lam=lam) for lam in LAMBDAS.tolist())
        return torch.stack([estimate[:, 0].detach() for estimate in estimates])


def advantage_demo(
    texts: Sequence[WrittenText] | None = None,
    *,
    gae: Callable = gae,
    td_residuals: Callable = td_residuals,
    row: int = 0,
    gamma: float = 1.0,
    lam: float = DEFAULT_LAM,
) -> AdvantageDemo:
    """Show advantages on recorded texts, first on this one at this gamma and lambda; the functions may be your own."""
    return AdvantageDemo(texts or load_advantages().texts, gae, td_residuals, row=row, gamma=gamma, lam=lam)


def spread_demo(
    beginnings: Sequence[Beginning] | None = None,
    *,
    gae: Callable = gae,
    believed: str = "as it learned",
    lam: float = DEFAULT_LAM,
) -> SpreadDemo:
    """Show bias against variance on two recorded beginnings, a token apart; `gae` may be your own.

    First with the value function that `believed` names in VALUE_FUNCTIONS, at this lambda.
    """
    return SpreadDemo(beginnings or load_advantages().beginnings, gae, believed=believed, lam=lam)


def whole(text: WrittenText) -> str:
    """Prompt and response, without the end-of-text token."""
    return (text.prompt + "".join(text.tokens)).replace("<|eos|>", "").strip()


def say_advantages(text: WrittenText, advantages: Float[Tensor, " tokens"], *, gamma: float, lam: float) -> str:
    """Say which tokens are judged best and worst, and how many are encouraged."""
    most, least = (
        (f"“{text.tokens[token].strip()}”", number(advantages[token].item()))
        for token in (advantages.argmax().item(), advantages.argmin().item())
    )
    encouraged = f"{int((advantages > 0).sum())} of {len(text.tokens)} tokens"
    return (
        f"“{whole(text)}” scored {number(text.score)}; after the prompt, before its first token, the value "
        f"function expected {number(text.values[0].item())}. At gamma {gamma:.2f} and lambda {lam:.2f}, {encouraged} "
        f"are encouraged. The largest advantage has {most[0]}, {most[1]}, the smallest {least[0]}, {least[1]}."
    )


def table(tokens: Sequence[str], columns: dict) -> str:
    """Every number of the picture, folded."""
    rows = zip(tokens, zip(*(column.tolist() for column in columns.values()), strict=True), strict=True)
    return render("numbers", {"rows": rows})
