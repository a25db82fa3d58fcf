"""What a training loop yields at each step."""

Record = dict[str, float | int | None]
"""Named metrics; None where one could not be measured."""
