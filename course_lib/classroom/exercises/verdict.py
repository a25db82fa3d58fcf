"""One mechanism for every exercise: hand-sized inputs, some hundred random ones, and the mistakes that we know."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from course_lib.classroom.exercises.draws import drawn, size
from course_lib.classroom.exercises.exercise import Exercise, Mistake
from course_lib.classroom.exercises.refusals import refusal, stopped
from course_lib.classroom.exercises.trials import Difference, alike, as_tensor, difference, gradients, results, scale


def verdict(exercise: Exercise, function: Callable, *, seed: int = 0) -> str:
    """Say whether a student's function is right, or which mistake it makes and the smallest input that shows it.

    Another `seed` draws other inputs than those that students have.
    """
    for many in rounds(exercise, seed):
        for trial in (results, gradients) if exercise.gradient_of else (results,):
            differences = []
            for inputs in many:
                try:
                    differences.append(difference(exercise, trial, function, inputs))
                except Exception as error:
                    return stopped(function, error, inputs)
            if any(differences):
                first = next(filter(None, differences))
                shown = first if many is exercise.probes else smaller(exercise, trial, function, first, seed + 1)
                if named := recognised(exercise, trial, function, many):
                    return refusal(named, shown)
                some = nearest(exercise, trial, function) if first.inputs is exercise.probes[0] else None
                return refusal(some, shown, among_others=bool(some))
    return f"Passed: {exercise.success}"


def rounds(exercise: Exercise, seed: int) -> Iterator[Sequence[dict]]:
    """Give the inputs by hand, and for who is right in all of them the random ones."""
    yield exercise.probes
    yield drawn(exercise.draw, seed=seed)


def recognised(exercise: Exercise, trial: Callable, function: Callable, many: Sequence[dict]) -> Mistake | None:
    """Find the wrong version that does the same with every input; else, with every input that gave finite numbers.

    So who also takes the logarithm of a sigmoid that has become 0 hears of the missing minus first.
    """
    outcomes = [trial(exercise, function, inputs) for inputs in many]
    finite = [place for place, outcome in enumerate(outcomes) if all(map(is_finite, outcome.values()))]
    for places in (range(len(many)), finite):
        some, seen = [many[place] for place in places], [outcomes[place] for place in places]
        if not any(difference(exercise, trial, function, inputs) for inputs in some):
            continue
        for mistake in exercise.mistakes:
            for version in (mistake.function, *mistake.also):
                if same(exercise, trial, version, some, seen):
                    return mistake
    return None


def nearest(exercise: Exercise, trial: Callable, function: Callable) -> Mistake | None:
    """Find, of several mistakes that are made at once, the one that shows with the first input by hand.

    Of several such versions it is the one that agrees with the function most often; None if there are two of them.
    """
    agreeing: dict[int, list[Mistake]] = {}
    for mistake in exercise.mistakes:
        hits = [inputs for inputs in exercise.probes if does(exercise, trial, mistake.function, inputs, function)]
        if hits and hits[0] is exercise.probes[0]:
            agreeing.setdefault(len(hits), []).append(mistake)
    best = agreeing[max(agreeing)] if agreeing else []
    return best[0] if len(best) == 1 else None


def is_finite(value: object) -> bool:
    """Whether all numbers of a result are finite; of no numbers, it is."""
    numbers = as_tensor(value)
    return numbers is None or bool(numbers.isfinite().all())


def same(exercise: Exercise, trial: Callable, version: Callable, many: Sequence[dict], outcomes: list[dict]) -> bool:
    """Tell whether a wrong version has these outcomes; one that stops with an error has not."""
    with suppress(Exception):
        return all(
            alike(outcome[part], value, scale=scale(inputs))
            for inputs, outcome in zip(many, outcomes, strict=True)
            for part, value in trial(exercise, version, inputs).items()
        )
    return False


def does(exercise: Exercise, trial: Callable, version: Callable, inputs: dict, function: Callable) -> bool:
    """Tell whether a wrong version does with one input what the function does with it."""
    return same(exercise, trial, version, [inputs], [trial(exercise, function, inputs)])


def smaller(exercise: Exercise, trial: Callable, function: Callable, found: Difference, seed: int) -> Difference:
    """Look among many more random inputs for a smaller or rounder one that shows a difference."""
    for inputs in drawn(exercise.draw, seed=seed, each=16):
        if size(inputs) >= size(found.inputs):
            break
        with suppress(Exception):
            if shown := difference(exercise, trial, function, inputs):
                return shown
    return found
