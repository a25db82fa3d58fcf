"""The figures of the benchmark as tables, for people."""

from importlib.metadata import version

from course_lib.bench.race import MISSING, contenders

NAMES = {"ours-shared": "shared trunk", "ours-separate": "separate value network"}
RATIOS = {"ours-shared": "ratio_shared", "ours-separate": "ratio_separate"}


def describe_ppo(figures: dict) -> str:
    """Time, memory and what was learned, one line a contender."""
    ppo = figures["ppo"]
    settings, machine = ppo["settings"], ppo["matrix_products"]
    head = f"{'one PPO iteration':<24}{'seconds':>8}{'times TRL':>10}{'rollout':>9}{'scoring':>9}{'update':>8}"
    lines = [
        f"{settings['iterations']} iterations each, in turn: batch {settings['batch_size']}, up to "
        f"{settings['response_len']} tokens, {settings['epochs']} epochs. Medians.",
        head + f"{'tokens/s':>10}{'memory':>10}{'of peak':>9}",
    ]
    for name, contender in ppo["contenders"].items():
        stages = (contender[f"{stage}_seconds"] for stage in ("rollout", "scoring", "update"))
        shown = [contender["seconds"], figures.get(RATIOS.get(name)), *stages]
        cells = zip(shown, (8, 10, 9, 9, 8), strict=True)
        line = f"{label(name):<24}" + "".join(f"{number(value):>{width}}" for value, width in cells)
        memory = contender["peak_memory_gb"]
        memory = "" if memory is None else f"{memory:.2f} GB"
        lines.append(line + f"{contender['tokens_per_second']:>10.0f}{memory:>10}{contender['share_of_peak']:>9.0%}")
    lines.append(
        f"Peak: {machine['per_second'] / 1e9:.0f} GFLOP/s, {machine['dtype']} products of square matrices of "
        f"{machine['size']} on the {machine['device']}, {machine['threads']} threads. Tokens: of responses."
    )
    return "\n".join([*lines, "", *describe_learning(ppo)])


def describe_learning(ppo: dict) -> list[str]:
    """What each contender reached on held-out prompts, and scores at the same KL."""
    lines = [f"{'on held-out prompts':<24}{'score, sd':>10}{'KL, nats':>10}{'judge':>8}{'ended':>8}"]
    for name, contender in ppo["contenders"].items():
        reached = contender["held_out"]
        line = f"{label(name):<24}{reached['score']:>+10.2f}{reached['kl']:>10.1f}{reached['judge']:>+8.2f}"
        lines.append(line + f"{reached['eos_share']:>8.0%}")
    for name, same in (ppo["same_kl"] or {}).items():
        scores = f"{label(name)} {same['ours']:+.2f}, {label('trl')} {same['trl']:+.2f}"
        lines.append(f"Score at the largest KL of training that both reached, {same['kl']:.1f} nats: {scores}")
    if ppo["same_kl"]:
        return lines
    return [*lines, "TRL takes part on the CPU, with the shipped models." if "trl" in contenders() else MISSING]


def describe_scaling(figures: dict) -> str:
    """A line of sizes and a line of seconds for each, with the exponent."""
    lines = ["Seconds per PPO iteration; growth as size^p"]
    for varied, figure in figures.items():
        fixed = ", ".join(f"{name} {size}" for name, size in figure["fixed"].items())
        lines.append(f"{varied:<24}" + "".join(f"{size:>8}" for size in figure["sizes"]) + f"    at {fixed}")
        seconds = "".join(f"{number(value):>8}" for value in figure["seconds"])
        lines.append(f"{'':<24}{seconds}    p = {figure['exponent']:.2f}")
    return "\n".join(lines)


def label(name: str) -> str:
    """A contender's name for people."""
    return NAMES.get(name) or f"TRL {version('trl')}"


def number(value: float | None) -> str:
    """Two digits after the point; a dash for what was not measured."""
    return "–" if value is None else f"{value:.2f}"
