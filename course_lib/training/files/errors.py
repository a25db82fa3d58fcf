"""The kinds of error that are the user's to mend."""


class CourseError(Exception):
    """One sentence: what was expected, what came, what to do. The command line prints it and exits with 2."""


class NotFiniteError(CourseError):
    """A training that has blown up: the sentence names the step and the tensor."""
