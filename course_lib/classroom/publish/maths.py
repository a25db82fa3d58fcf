"""Formulas in LaTeX become MathML, which browsers draw by themselves: no script, no picture, no network."""

from math_core import LatexError, LatexToMathML

from course_lib.training.errors import CourseError

CONVERTER = LatexToMathML(fancy_error=False)


def mathml(latex: str, *, block: bool = False) -> str:
    """Turn a formula into MathML, as a line of its own if `block`. CourseError where the LaTeX is not understood."""
    try:
        return CONVERTER.convert_with_local_state(latex.strip(), displaystyle=block)
    except LatexError as error:
        raise CourseError(f"Expected a formula in LaTeX, but got {latex.strip()!r} ({error}); mend it.") from error
