"""The command line: `python -m course_lib run`, `bench` and `class`."""

import argparse
import itertools
import json
import os
import shlex
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import Field, fields
from pathlib import Path

from course_lib.training.files.entry_point import entry_point
from course_lib.training.files.errors import CourseError
from course_lib.training.settings import PPOSettings, RunSettings, flag

BENCHMARKS = ("ppo", "scaling", "widgets")
STARTED = time.perf_counter()


def build_parser(defaults: RunSettings | None = None) -> argparse.ArgumentParser:
    """All commands and their options, with other defaults for a run that goes on."""
    defaults = defaults or RunSettings()
    parser = argparse.ArgumentParser(
        prog="python -m course_lib", description="Reward modeling and PPO on a small GPT-2, with real human ratings."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run_parser = commands.add_parser(
        "run",
        help="teach the small GPT-2 what people like, with PPO; about a minute",
        description="Loads the human ratings, a small GPT-2 and a reward model, trains the GPT-2 with PPO to write "
        "what people like, and leaves a folder: curves, texts before and after, the trained model, report.html.",
        usage="python -m course_lib run [OPTION VALUE ...]",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    run_parser.set_defaults(do=run)
    bench_parser = commands.add_parser(
        "bench",
        help="measure how fast PPO and the widgets are on this machine; some minutes",
        description="ppo: trains the shipped models with our PPO and with TRL's in turn, and compares seconds, score "
        "and KL. scaling: how the time grows with batch, response length and width. widgets: moves every control of "
        "every widget over its range and measures how long one update takes.",
    )
    bench_parser.add_argument("--only", choices=BENCHMARKS, help="one of the three (default: all)")
    bench_parser.add_argument("--iterations", type=int, default=30, metavar="N", help="of PPO (default: 30)")
    bench_parser.add_argument("--model", default="", help="for PPO, ours alone (default: the shipped GPT-2, and TRL)")
    bench_parser.add_argument("--device", default="cpu", help="cpu, or cuda for PPO, ours alone (default: cpu)")
    bench_parser.add_argument("--json", action="store_true", help="print JSON, for machines")
    bench_parser.set_defaults(do=measure)
    add_class(commands)
    run_parser.add_argument("--resume", metavar="FOLDER", help="go on with a run that was stopped, with its settings")
    of_ppo = {setting.name for setting in fields(PPOSettings)}
    the_run, ppo = run_parser.add_argument_group("the run"), run_parser.add_argument_group("PPO")
    for setting in fields(RunSettings):
        add_option(ppo if setting.name in of_ppo else the_run, setting, getattr(defaults, setting.name))
    return parser


def add_class(commands: argparse._SubParsersAction) -> None:
    """The command that takes back what students did."""
    parser = commands.add_parser(
        "class",
        help="take back what students did: a page and a table of a class; seconds for each student",
        description="Reads a folder with one folder, zip or notebook a student, runs their functions in processes of "
        "their own on inputs that they do not have, and writes class.html, class.csv and marks.csv into the folder.",
    )
    parser.add_argument("folder", type=Path, help="what the students handed in")
    parser.add_argument("--seed", type=int, metavar="N", help="draws the inputs again that another run drew")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="at work at once (default: 2)")
    parser.add_argument("--taste", action="store_true", help="run PPO toward what the class likes; a minute more")
    parser.set_defaults(do=take_back)


def add_option(group: argparse._ArgumentGroup, setting: Field, default: int | float | str) -> None:
    """One option for one setting; a switch gets a --no- form too."""
    options = {"default": default, "help": setting.metadata["help"]}
    if setting.type is bool:
        group.add_argument(flag(setting.name), action=argparse.BooleanOptionalAction, **options)
    else:
        kind = {int: "N", float: "X", str: "TEXT"}[setting.type]
        group.add_argument(flag(setting.name), type=setting.type, metavar=kind, **options)


def run(options: argparse.Namespace) -> None:
    """Run the pipeline with a progress bar for each stage, then draw the curves and write the report."""
    from transformers.utils import logging

    from course_lib.training.run.pipeline import read_stages

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    settings = RunSettings(**{setting.name: getattr(options, setting.name) for setting in fields(RunSettings)})
    stages, folder = read_stages(settings.steps), Path(options.resume or settings.out)
    if stages != ["report"]:
        folder = train(settings, resume=folder if options.resume else None)
    if "report" in stages and folder:
        report(folder)


def train(settings: RunSettings, *, resume: Path | None) -> Path | None:
    """Train with a progress bar; returns the folder, or None for a process of a team that writes none."""
    from tqdm import tqdm
    from tqdm.contrib import DummyTqdmFile

    from course_lib.training.run.pipeline import run_pipeline
    from course_lib.training.run.resume import resume_command

    command, folder = shlex.join(["python", "-m", "course_lib", *sys.argv[1:]]), resume
    records = run_pipeline(settings, command=command, started=STARTED, resume=resume)
    screen, above_the_bar = sys.stderr, DummyTqdmFile(sys.stderr)
    try:
        with redirect_stdout(above_the_bar), redirect_stderr(above_the_bar):  # what is said, by a student's code too
            for stage, stage_records in itertools.groupby(records, key=lambda record: record["stage"]):
                silent = os.environ.get("RANK", "0") != "0"
                with tqdm(desc=stage, unit="step", file=screen, disable=silent) as bar:
                    for record in stage_records:
                        bar.total, folder = record["steps"], record["folder"]
                        if stage == "ppo":
                            bar.n = record["step"] - 1  # a run that goes on starts in the middle
                        bar.set_postfix_str(describe(record))
                        bar.update()
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(*stop.args or ([f"Go on with: {resume_command(folder)}"] if folder else [])) from None
    return folder


def report(folder: Path) -> None:
    """Write the report of a run, and tell in some sentences what came of it."""
    from course_lib.classroom.report.report import write_report
    from course_lib.classroom.report.report_words import speed, verdicts
    from course_lib.training.run.finished_run import read_run

    page = write_report(folder)
    summary = read_run(folder).summary
    print("", *verdicts(summary), *speed(summary), f"Open {page} in a browser.", sep="\n")


def measure(options: argparse.Namespace) -> None:
    """Measure what --only names and print the figures, as tables or as JSON."""
    from course_lib.bench.benchmarks import measure_each

    figures, tables = measure_each(
        [options.only] if options.only else BENCHMARKS,
        iterations=options.iterations,
        model=options.model,
        device=options.device,
    )
    print(json.dumps(figures) if options.json else tables)


def take_back(options: argparse.Namespace) -> None:
    """Judge a class's folder."""
    if not hasattr(os, "fork"):
        raise CourseError(
            "Expected a system that can shut students' code in processes of its own, Linux or macOS, but this is "
            f"{sys.platform}; on Windows run this in WSL."
        )
    from course_lib.publish.results.command import take_back

    take_back(options.folder, seed=options.seed, processes=max(options.processes, 1), taste=options.taste)


def describe(record: dict) -> str:
    """The figures of one step for the progress bar."""
    if record["stage"] == "ppo":
        return f"score {record['score']:+.2f} sd, KL {record['kl']:.1f} nats"
    return f"loss {record['loss']:.3f}, pair accuracy {record['pair_accuracy']:.2f}"


@entry_point
def main(arguments: list[str] | None = None) -> None:
    """Run one command."""
    options = build_parser().parse_args(arguments)
    if getattr(options, "resume", None):
        from course_lib.training.run.resume import read_settings

        # parsed again on top of the run's own settings, so that an option given here stands out if it differs
        options = build_parser(read_settings(Path(options.resume))).parse_args(arguments)
    options.do(options)


if __name__ == "__main__":
    sys.exit(main())
