"""What the student has in `my_rlhf.py`, for the table at the end of a notebook, the widgets and the cockpit."""

from collections.abc import Callable, Collection

from course_lib.classroom.exercises.check import KNOWN
from course_lib.classroom.exercises.my_library import LIBRARY
from course_lib.classroom.html import render, sentence_html
from course_lib.training.equations import WHOLES, Equations, without_parts
from course_lib.training.files.errors import CourseError
from course_lib.training.own_equations import find_equations
from course_lib.training.ppo import PPO

NOTEBOOKS = {
    "01": (
        *("preference_probability", "bradley_terry_loss", "pair_accuracy", "gain_and_bias"),
        *("train_on_ratings", "train_reward_model"),
    ),
    "02": (
        *("probability_ratio", "clipped_objective", "td_residuals", "gae"),
        *("token_logprobs", "whiten", "value_loss", "policy_loss"),
    ),
    "03": (
        *("kl_shaped_rewards", "k1", "k2", "k3", "adaptive_kl_coef", "entropy"),
        *("experience", "ppo_loss", "train_ppo", "response_mask"),
    ),
    "04": ("best_of_n_kl", "expected_best_of_n", "rl_peak", "mean_minus_spread"),
    "05": ("optimal_policy", "rloo_advantages", "grpo_advantages", "dpo_loss"),
    "06": ("alliteration", "pass_at_k", "dr_grpo_loss", "best_pass_rate"),
}
PPO_NOTEBOOKS = ("02", "03")  # whose equations the cockpit trains with
STEERED = Equations.names() - {"adaptive_kl_coef"}  # the cockpit's coefficient stays where its slider is


def my_functions() -> dict[str, Callable]:
    """The student's functions by the names of their exercises; none where there is no `my_rlhf.py`.

    Raises:
        CourseError: the file stops, or a name of one is no function.
    """
    return find_equations(LIBRARY, known=KNOWN) if LIBRARY.exists() else {}


def mine(*names: str) -> dict[str, Callable]:
    """Those of the named functions that the student has; raises as `my_functions`."""
    return {name: function for name, function in my_functions().items() if name in names}


def my_equations() -> dict[str, Callable]:
    """The student's functions that PPO climbs by.

    Raises:
        CourseError: there is none, or the file has a fault.
    """
    asked = [name for notebook in PPO_NOTEBOOKS for name in NOTEBOOKS[notebook] if name in STEERED]
    equations = without_parts(mine(*asked))
    if not equations:
        raise CourseError(
            f"Expected a function of yours that PPO climbs by in {LIBRARY}, but there is none yet; write "
            "my_clipped_objective in notebook 02, and its check keeps it."
        )
    return equations


def my_method() -> PPO:
    """PPO with the student's functions in place of ours, and with ours for all else; raises as `my_equations`."""
    return PPO().replaced(my_equations())


def with_mine(demo: Callable, *names: str) -> object:
    """A widget on the student's functions of these names; until there is one, say which to write first."""
    try:
        functions = mine(*names)
    except CourseError as error:
        print(error)
        return None
    if functions:
        print(f"With yours, out of {LIBRARY}: {', '.join(function.__name__ for function in functions.values())}.")
        return demo(**functions)
    print(f"This shows {' or '.join(f'my_{name}' for name in names)} once its check has passed; run it again then.")
    return None


class MyTable:
    """The functions of one notebook, kept or not yet, and what to do next; shown as HTML, or as plain lines."""

    def __init__(self, notebook: str):
        asked, missing = NOTEBOOKS[notebook], "not yet"
        try:
            kept = mine(*asked)
            self.sentence = what_next([name for name in asked if name not in kept], kept)
        except CourseError as error:
            kept, missing, self.sentence = {}, "cannot be read", str(error)
        self.names = ["function", f"in {LIBRARY}"]
        self.rows = [[f"my_{name}", "kept" if name in kept else missing] for name in asked]
        if notebook in PPO_NOTEBOOKS:
            self.names.append("the cockpit trains with it")
            self.rows = [[*row, cockpit_trains_with(name, kept)] for name, row in zip(asked, self.rows, strict=True)]

    def _repr_html_(self) -> str:
        return render("gains", {"names": self.names, "rows": self.rows}) + sentence_html(self.sentence)

    def __repr__(self) -> str:
        """The same as lines of text."""
        return "\n".join([*(f"{name}: {state}" for name, state, *_ in self.rows), self.sentence])


def cockpit_trains_with(name: str, kept: Collection[str]) -> str:
    """Say whether the cockpit's switch *mine* takes a function, and whether it can already."""
    if name not in STEERED:
        return "no"
    whole = next((whole for whole, parts in WHOLES.items() if whole in kept and name in parts), None)
    if whole:
        return f"no: my_{whole} is the whole"
    return "yes" if name in kept else "once it is kept"


def my_table(notebook: str) -> MyTable:
    """Show which functions of a notebook, "02" say, are in the student's library."""
    return MyTable(notebook)


def what_next(missing: list[str], kept: dict[str, Callable]) -> str:
    """Say in two sentences how far a notebook has come, and what to do."""
    if not kept:
        return f"None of them is in {LIBRARY} yet. Begin with my_{missing[0]}: once its check says Passed, it is kept."
    name = next(iter(kept.values())).__name__
    use = f"Bring one into any cell: from {LIBRARY.stem} import {name}."
    if missing:
        return f"{len(kept)} of {len(kept) + len(missing)} are in {LIBRARY}; the next is my_{missing[0]}. {use}"
    return f"All {len(kept)} are in {LIBRARY}. {use}"
