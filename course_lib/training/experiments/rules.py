"""Rules that a text keeps or not, for verifiers: each a function from a text to True or False.

Of what the small GPT-2 writes at first about one text in 13 keeps `longest_last`, one in 35 `alliteration`, one in 250
`staircase`.
"""

from course_lib.training.texts import words


def longest_last(text: str) -> bool:
    """Tell whether a sentence ends with its longest word: none of the others, five or more, is as long."""
    *others, last = words(text) or [""]
    return text.endswith(".") and len(others) >= 5 and all(len(word) < len(last) for word in others)


def alliteration(text: str) -> bool:
    """Tell whether a sentence has three different words in a row that begin with the same letter."""
    found = words(text)
    rows = zip(found, found[1:], found[2:], strict=False)
    return text.endswith(".") and any(len({word[0] for word in row}) == 1 and len(set(row)) == 3 for row in rows)


def staircase(text: str) -> bool:
    """Tell whether a sentence has five words in a row of which each is longer than the one before."""
    lengths = [len(word) for word in words(text)]
    rows = zip(*(lengths[start:] for start in range(5)), strict=False)
    return text.endswith(".") and any(list(row) == sorted(set(row)) for row in rows)


RULES = {"longest last": longest_last, "alliteration": alliteration, "staircase": staircase}
