"""Everything that `python -m course_lib bench` measures, as figures for machines and as tables for people."""

from collections.abc import Callable, Sequence
from functools import partial

from tqdm import tqdm

from course_lib.bench import widgets
from course_lib.bench.scaling import POINTS, measure_scaling
from course_lib.bench.summary import measure_ppo
from course_lib.bench.tables import describe_ppo, describe_scaling


def measure_each(names: Sequence[str], *, iterations: int, model: str, device: str) -> tuple[dict, str]:
    """Measure out of ppo, scaling and widgets those named, with a progress bar each; returns figures and tables."""
    figures, tables = {"machine": widgets.machine()}, []
    if "ppo" in names:
        race = partial(measure_ppo, iterations, model=model, device=device)
        measured = with_bar("ppo", iterations + 1, race)
        figures |= measured
        tables.append(describe_ppo(measured))
    if "scaling" in names:
        figures["scaling"] = with_bar("scaling", POINTS, measure_scaling)
        tables.append(describe_scaling(figures["scaling"]))
    if "widgets" in names:
        figures["widgets"] = widgets.measure_updates(widgets.WIDGETS)
        tables.append(widgets.describe_updates(figures["widgets"]))
    return figures, "\n\n".join(tables)


def with_bar(name: str, total: int, measure: Callable[[Callable[[], object]], dict]) -> dict:
    """Measure under a progress bar, which moves each time `measure` calls what it is given."""
    with tqdm(desc=name, total=total) as bar:
        return measure(bar.update)
