"""Formulas in LaTeX become MathML, which browsers draw by themselves: no script, no picture, no network."""

import re

from math_core import LatexError, LatexToMathML

from course_lib.training.files.errors import CourseError

CONVERTER = LatexToMathML(fancy_error=False)
# The glyph of a prime is small and high already; browsers draw it as an exponent far too small and far too high.
PRIME = re.compile(r"<msup>(<m[io]>[^<]*</m[io]>)<mo>(′+)</mo></msup>")


def mathml(latex: str, *, block: bool = False) -> str:
    """Turn a formula into MathML, as a line of its own if `block`. CourseError where the LaTeX is not understood."""
    try:
        converted = CONVERTER.convert_with_local_state(latex.strip(), displaystyle=block)
    except LatexError as error:
        raise CourseError(f"Expected a formula in LaTeX, but got {latex.strip()!r} ({error}); mend it.") from error
    return PRIME.sub(r'<mrow>\1<mo lspace="0" rspace="0">\2</mo></mrow>', converted)
