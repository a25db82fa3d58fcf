"""What a race came to: ratios of seconds, shares of the machine's rate, and scores at the same KL."""

from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from course_lib.bench.race import OURS, Contender, command, contenders, race
from course_lib.bench.rates import MATRIX_SIZE, matrix_product_rate, useful_arithmetic
from course_lib.training.language_model import check_device, has_bfloat16
from course_lib.training.record import Record
from course_lib.training.settings import RunSettings

SMOOTHED_OVER = 5  # iterations
SHARED_SETTINGS = ("iterations", "batch_size", "response_len", "epochs", "minibatches", "learning_rate", "kl_coef")
CURVES = ("score", "kl", "eos_share", "response_length")
STAGES = ("rollout", "scoring", "update")  # TRL does not log them


def measure_ppo(
    iterations: int, progress: Callable[[], object] = lambda: None, *, model: str = "", device: str = "cpu"
) -> dict:
    """Race our PPO against TRL's, or alone where TRL is missing; `progress` is called iterations + 1 times.

    With another model than the shipped one, or on a GPU, ours run alone.

    `ratio_shared` and `ratio_separate` are TRL's seconds over ours, None without TRL; `share_of_peak` is that of the
    shared trunk. Raises CourseError where a contender does not come to the end.
    """
    changed = {"iterations": iterations, "model": model, "device": check_device(device).type}
    settings = RunSettings(**changed)
    names = contenders() if not model and device == "cpu" else OURS
    commands = {name: command(name, changed) for name in names}
    rates, dtype = [], torch.bfloat16 if has_bfloat16(device) else torch.float32

    def after_round() -> None:
        rates.append(matrix_product_rate(device=device, dtype=dtype))
        progress()

    running = race(commands, iterations=iterations, after_round=after_round)
    trl = running.get("trl")
    figures = {name: summarise(contender, settings, max(rates)) for name, contender in running.items()}
    return {
        "ratio_shared": trl and ratio(running["ours-shared"].iterations, trl.iterations),
        "ratio_separate": trl and ratio(running["ours-separate"].iterations, trl.iterations),
        "share_of_peak": figures["ours-shared"]["share_of_peak"],
        "ppo": {
            "settings": {name: getattr(settings, name) for name in SHARED_SETTINGS},
            "matrix_products": {"size": MATRIX_SIZE, "per_second": max(rates), "threads": torch.get_num_threads()}
            | {"device": device, "dtype": str(dtype).removeprefix("torch.")},
            "contenders": figures,
            "same_kl": trl and {name: at_same_kl(running[name].iterations, trl.iterations) for name in OURS},
        },
    }


def summarise(contender: Contender, settings: RunSettings, peak_rate: float) -> dict:
    """The figures of one contender; `peak_rate` in floating-point operations a second."""
    records = contender.iterations
    shares, rates = [], []
    for record in records:
        tokens = settings.batch_size * (contender.setup["prompt_length"] + record["response_length"])
        work = useful_arithmetic(contender.setup["parameters"], tokens, epochs=settings.epochs)
        shares.append(work / record["seconds"] / peak_rate)
        rates.append(settings.batch_size * record["response_length"] / record["seconds"])
    stages = {f"{stage}_seconds": median_of(records, f"{stage}_seconds") for stage in STAGES}
    return {
        "seconds": median_of(records, "seconds"),
        **stages,
        "tokens_per_second": median(rates),
        "share_of_peak": median(shares),
        "peak_memory_gb": contender.held_out["peak_memory_gb"],
        "held_out": {name: contender.held_out[name] for name in (*CURVES, "judge")},
        "iterations": [{name: record[name] for name in (*CURVES, "seconds")} for record in records],
    }


def median_of(records: list[Record], name: str) -> float | None:
    """The median of one metric; None where it was not measured."""
    return median(record[name] for record in records) if name in records[0] else None


def ratio(ours: list[Record], theirs: list[Record]) -> float:
    """How many of our iterations fit into one of theirs: the median of the pairs of neighbouring iterations."""
    return median(other["seconds"] / own["seconds"] for own, other in zip(ours, theirs, strict=True))


def at_same_kl(ours: list[Record], theirs: list[Record]) -> dict[str, float]:
    """Both scores at the largest KL that both reached, on curves smoothed over some iterations."""
    curves = [smooth(ours), smooth(theirs)]
    kl = min(curve[:, 0].max() for curve in curves)
    own, other = (score_at(curve, kl) for curve in curves)
    return {"kl": float(kl), "ours": own, "trl": other}


def smooth(records: list[Record]) -> np.ndarray:
    """KL and score of each iteration, as moving means."""
    window = min(SMOOTHED_OVER, len(records))
    curves = ([record[name] for record in records] for name in ("kl", "score"))
    return np.stack([np.convolve(curve, np.ones(window) / window, mode="valid") for curve in curves], axis=1)


def score_at(curve: np.ndarray, kl: float) -> float:
    """The score where a curve of (KL, score) first reaches a KL, interpolated between its neighbours."""
    after = int(np.argmax(curve[:, 0] >= kl))
    before = max(after - 1, 0)
    return float(np.interp(kl, curve[[before, after], 0], curve[[before, after], 1]))
