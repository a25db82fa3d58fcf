"""The cockpit: PPO running on this machine, with buttons and sliders that act on the running training."""

import asyncio
import base64
import math
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager

import ipywidgets as widgets

from course_lib.classroom.canvas import image_html, png
from course_lib.classroom.controls import Row, choice
from course_lib.classroom.demo import Pictured
from course_lib.classroom.exercises.mine import my_method
from course_lib.classroom.html import render
from course_lib.classroom.live_run import LiveRun, describe, recorded_runs
from course_lib.classroom.plots.before_after import before_after_figure
from course_lib.classroom.plots.panels import panels_named
from course_lib.classroom.plots.run_curves import RunCurves
from course_lib.classroom.texts_table import TextsTable
from course_lib.training.experiments.recordings import Recording, records_of
from course_lib.training.files.errors import CourseError
from course_lib.training.method import Method
from course_lib.training.own_reward import own_reward, read_reward
from course_lib.training.record import LOOKING_ON, Record
from course_lib.training.scorer import TextScorer
from course_lib.training.settings import RunSettings

SHOWN = ("score", "judge", "kl", "entropy", "clip_fraction", "explained_variance")
WITH_OWN_REWARD = ("score", LOOKING_ON, "judge", "kl", "entropy", "explained_variance")
SIZE = (7.4, 3.8)  # inches
SLIDERS = {
    "kl_coef": ("KL coefficient", (0.0, 0.02, 0.05, 0.12, 0.2, 0.5)),  # those of the recorded runs
    "clip_eps": ("Clip epsilon", (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 10.0)),
    "learning_rate": ("Learning rate", (3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
}
OURS, MINE = "ours", "mine"
BUTTONS = {"start": "Start", "pause": "Pause", "one_step": "One step", "stop": "Stop", "reset": "Reset"}
BEAT, SILENT = 2, 15  # seconds between two signs of life, and without one until the page says so


@contextmanager
def heeding_interrupts(act: Callable[[], None]) -> Iterator[None]:
    """Let the kernel's stop button call `act`: a kernel ignores it while no cell runs."""
    if threading.current_thread() is not threading.main_thread():  # which alone may say what a signal does
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_: act())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Cockpit(Pictured, widgets.VBox):
    """Train the small GPT-2 live; what the sliders say holds from the next step on.

    Training runs in a thread, a step at a time; the buttons only say how many steps are wanted, and the kernel's stop
    button is another Pause. A new cockpit stops the one before it. `recorded` are runs by their KL coefficient: that
    with the slider's is drawn in grey behind this one. It trains with our equations, or, where the switch says so, with
    the student's in `my_rlhf.py`; `method` takes the place of the switch: PPO(gae=my_gae), say. It pleases the reward
    model, or a `reward` of the student's own, a function from texts to as many numbers: then the reward model looks on,
    and no run that pleased it is drawn in grey.
    """

    latest: "Cockpit | None" = None

    def __init__(
        self,
        settings: RunSettings | None = None,
        *,
        method: Method | None = None,
        reward: TextScorer | Callable | None = None,
        recorded: Mapping[float, Recording] | None = None,
    ):
        if Cockpit.latest:
            Cockpit.latest.stop()
        self.settings = settings or RunSettings()
        if reward is None and self.settings.reward:
            reward = read_reward(self.settings.reward)
        self.reward = None if reward is None else own_reward(reward, tell=self._tell)
        self.panels = panels_named(SHOWN if reward is None else WITH_OWN_REWARD)
        self.recorded = {} if reward is not None else recorded_runs() if recorded is None else recorded
        self.method, self.beats = method, 0
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:  # no notebook: a button then works until its steps are done
            self.loop = None
        self._build()
        self.reset()
        Cockpit.latest = self

    def _build(self) -> None:
        """Lay the controls beside the curves, and the texts under both."""
        self.buttons = {
            name: widgets.Button(description=text, layout={"width": "auto"}) for name, text in BUTTONS.items()
        }
        self.equations = widgets.ToggleButtons(options=[OURS, MINE], style={"button_width": "5em"})
        self.equations.observe(lambda _: self.reset(), names="value")
        self.sliders = {name: self._slider(name) for name in SLIDERS}
        self.picture, self.sentence, self.texts = widgets.HTML(), widgets.HTML(), widgets.HTML()
        columns = {"grid_template_columns": "repeat(auto-fill, minmax(6.5em, 1fr))"}
        self.switch = widgets.HBox([widgets.Label("Equations"), self.equations], layout={"flex_flow": "row wrap"})
        controls = [
            widgets.GridBox(list(self.buttons.values()), layout=columns),
            *([] if self.method else [self.switch]),
            Row(self.sliders.values()),
        ]
        self.controls = widgets.VBox(controls, layout={"flex": "1 1 14em"})
        curves = widgets.VBox([self.picture, self.sentence], layout={"flex": "8 1 36em", "min_width": "0"})
        super().__init__([widgets.HBox([self.controls, curves], layout={"flex_flow": "row wrap"}), self.texts])
        for name, button in self.buttons.items():
            button.on_click(lambda _, name=name: getattr(self, f"press_{name}")())

    def _slider(self, name: str) -> widgets.SelectionSlider:
        title, options = SLIDERS[name]
        value = getattr(self.settings, name)
        slider = choice(title, {f"{option:g}": option for option in sorted({*options, value})}, value)
        slider.observe(lambda change: self._moved(name, change["new"]), names="value")
        return slider

    def _moved(self, name: str, value: float) -> None:
        setattr(self.settings, name, value)
        if self.live.records:
            next_step = len(self.live.records) + (2 if self.training else 1)
            self.moved_at = sorted({*self.moved_at, next_step})
        if name == "kl_coef":
            self._draw_ghost()
            self.refresh()

    def reset(self) -> None:
        """Begin anew, with the untrained policy and the settings that the sliders show, the equations read again."""
        method, fault = self.method, ""
        try:
            method = my_method() if self.equations.value == MINE else method
        except CourseError as error:
            fault = f"Stopped. {error} Then press Reset."
        self.live = LiveRun(self.settings, method=method, reward=self.reward)
        self.wanted, self.training, self.ended, self.moved_at, self.told = 0, False, fault, [], ""
        self._draw_ghost()
        self.refresh()

    def _draw_ghost(self) -> None:
        """Draw the recorded run that has the slider's KL coefficient, if there is one."""
        ghost = self.recorded.get(self.settings.kl_coef)
        whose = "ours, recorded" if self.live.method else "recorded"
        name = f"grey: {whose} with a KL coefficient of {self.settings.kl_coef:g} and the default settings"
        self.curves = RunCurves(
            self.panels,
            steps=self.settings.iterations,
            ghosts=[records_of(ghost)] if ghost else [],
            ghost_name=name if ghost else "",
            size=SIZE,
        )

    def stop(self) -> None:
        """End this run once its present step is done; what it has stays on the screen."""
        self.wanted, self.ended = 0, self.ended or "Stopped"
        self._enable()

    def pause(self) -> None:
        """Take no further step until one is wanted again."""
        self.wanted = 0

    def one_step(self) -> Record | None:
        """Train for one step, as the button does, and return its record; None where the run has ended."""
        record = None if self.ended else self._step()
        self.refresh()
        return record

    def press_start(self) -> None:
        """Go on until the last step, or a pause."""
        self._want(math.inf)

    def press_one_step(self) -> None:
        """Train for one step in the background."""
        self._want(1)

    def press_pause(self) -> None:
        """Rest once the present step is done."""
        self._want(0)

    def press_stop(self) -> None:
        """End the run."""
        self.stop()
        self._want(0)

    def press_reset(self) -> None:
        """Begin anew."""
        self.reset()

    def _want(self, steps: int | float) -> None:
        if self.equations.value == MINE and not (self.live.records or self.training or self.ended):
            self.reset()  # what was mended since has a part in the first step
        self.wanted = steps
        if self.loop:
            asyncio.run_coroutine_threadsafe(self._train(), self.loop)
        else:
            asyncio.run(self._train())

    async def _train(self) -> None:
        """Take the steps that are wanted; everything is drawn here, in the thread of the notebook's loop."""
        if not self.training:
            self.training = True
            while self.wanted > 0 and not self.ended:
                self.wanted -= 1
                with heeding_interrupts(self.pause):
                    self.refresh()
                    await self._beating(asyncio.to_thread(self._step))
            self.training = False
        self.refresh()

    async def _beating(self, step: Awaitable) -> None:
        """Wait for a step, and show meanwhile that the kernel lives."""
        task = asyncio.ensure_future(step)
        while not task.done():
            await asyncio.wait([task], timeout=BEAT)
            self._say()

    def _step(self) -> Record | None:
        try:
            record = self.live.step()
        except CourseError as error:
            self.ended, record = f"Stopped. {error}", None
        except Exception as error:  # whatever a training gone wrong may raise
            self.ended, record = f"Stopped. The training raised {type(error).__name__}: {error}.", None
        if len(self.live.records) == self.settings.iterations:
            self.ended = self.ended or "Done"
        return record

    def _enable(self) -> None:
        running, begun = self.training and self.wanted > 0, bool(self.live.records or self.ended)
        usable = {
            "start": not running and not self.ended,
            "pause": running,
            "one_step": not self.training and not self.ended,
            "stop": (self.training or begun) and not self.ended,
            "reset": not self.training and begun,
        }
        for name, button in self.buttons.items():
            button.disabled = not usable[name]
        self.equations.disabled = self.training
        self.buttons["start"].description = "Resume" if begun and not self.ended else "Start"

    def refresh(self) -> None:
        """Draw the curves and the texts, and say how it stands."""
        self._enable()
        self._say()
        self.png = self.curves.png(self.live.records, moved_at=self.moved_at)
        self.picture.value = image_html(self.png, describe(self.live.records, self.settings.iterations) or self.says)
        if self.live.before:
            self.texts.value = TextsTable({"Before": self.live.before, "Now": self.live.now})._repr_html_()
        else:
            self.texts.value = ""

    def _tell(self, sentence: str) -> None:
        """Keep what is said of a reward while a step goes on, in another thread; the next sign of life shows it."""
        self.told = sentence

    def _say(self) -> None:
        """Say how it stands; while the training runs each time is a sign of life."""
        state, more = self._state(), f"{describe(self.live.records, self.settings.iterations)} {self.told}".strip()
        self.says = f"{state} {more}".strip()
        self.beats += 1
        values = {"state": state, "more": more, "running": self.training, "beat": self.beats, "silent": SILENT}
        self.sentence.value = render("cockpit", values)

    def _state(self) -> str:
        if self.ended:
            return self.ended if self.ended.endswith(".") else f"{self.ended}."
        if self.training:
            return "Running." if self.wanted else "Finishing this step."
        if self.live.records:
            return "Paused."
        yours = ", ".join(self.live.method.not_ours) if self.live.method else ""
        return f"Ready: Start trains the small GPT-2 on this machine{' with your ' if yours else ''}{yours}."

    def _repr_mimebundle_(self, **options) -> dict:
        """Before a step is made, readers without a kernel are left the recorded run, with its texts."""
        bundle, run = super()._repr_mimebundle_(**options), self.recorded.get(self.settings.kl_coef)
        if self.live.records or not run:
            return bundle
        records = records_of(run)
        says = f"A recorded run with a KL coefficient of {self.settings.kl_coef:g}. {describe(records, len(records))}"
        picture = png(before_after_figure(records, self.panels[:3], run.samples))
        return bundle | {"image/png": base64.b64encode(picture).decode(), "text/plain": says}
