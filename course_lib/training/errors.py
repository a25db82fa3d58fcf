"""The one kind of error that is the user's to mend."""


class CourseError(Exception):
    """One sentence: what was expected, what came, what to do. The command line prints it and exits with 2."""
