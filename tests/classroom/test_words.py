import numpy as np

from course_lib.classroom.words import number


def test_numbers_have_true_minus_signs_and_no_negative_zero():
    assert (number(-1.5), number(-1e-9), number(None), number(np.nan)) == (
        "−1.50",
        "+0.00",
    ) + ("not measured",) * 2
