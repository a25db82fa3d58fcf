"""Torch's own words, which say little to a beginner, turned into what to write in their place."""

import math
import re
from typing import NamedTuple

FROM_LIST = "make a tensor of a list: torch.stack(list) if it holds tensors, torch.tensor(list) if plain numbers"


class Advice(NamedTuple):
    """What to write where an error says `says`, if `line`, a pattern too, is found in the line that raised it.

    The advice takes the groups of both patterns, as {0}, {1}.
    """

    says: str
    line: str
    write: str


TRUTH = "Boolean value of Tensor"
ONE_NUMBER = r"only one element tensors|elements cannot be converted to Scalar"
NUMBER = r"(?:float|int)"
NOT_A_TENSOR = rf"^(\w+)\(\): argument '\w+' \(position \d\) must be Tensor, not {NUMBER}"
IN_MATH = rf"^({'|'.join(name for name in dir(math) if name.islower())})\(\): argument .* must be Tensor, not {NUMBER}"

ADVICE = [
    Advice(
        TRUTH,
        r"(?<![.\w])(?:min|max)\(",
        "Python's min and max compare single numbers: for tensors write torch.minimum(a, b) or torch.maximum(a, b), "
        "and x.clamp(lowest, highest) between two numbers.",
    ),
    Advice(
        TRUTH,
        r"\b(?:and|or|not)\b",
        "`and`, `or` and `not` take one True or False, and a tensor has one for each number: write &, | and ~, "
        "with brackets round each comparison.",
    ),
    Advice(
        TRUTH,
        "",
        "`if` takes one True or False, and a tensor has one for each number: write torch.where(condition, a, b), "
        "which chooses number by number.",
    ),
    Advice(ONE_NUMBER, r"math\.(\w+)\(", "math.{0} takes one number: write torch.{0}, which takes a whole tensor."),
    Advice(
        ONE_NUMBER,
        r"torch\.tensor\(",
        "torch.tensor is for plain numbers: torch.stack(list) joins tensors, and keeps their gradients.",
    ),
    Advice(
        ONE_NUMBER,
        "",
        "float(), int() and .item() take one number, and this tensor has more: leave them out, torch computes with the "
        "whole tensor.",
    ),
    Advice(
        rf"^(clamp|clip)\(\) received an invalid combination of arguments - got \({NUMBER}",
        "",
        "torch.{0} takes a tensor, and this is a plain number: write min(max(x, lowest), highest).",
    ),
    Advice(
        rf"^min(?:imum)?\(\).*(?:must be Tensor, not {NUMBER}|got \((?:Tensor, {NUMBER}|{NUMBER}, Tensor))",
        "",
        "torch.minimum compares two tensors: for a tensor and a number write x.clamp(max=number).",
    ),
    Advice(
        rf"^max(?:imum)?\(\).*(?:must be Tensor, not {NUMBER}|got \((?:Tensor, {NUMBER}|{NUMBER}, Tensor))",
        "",
        "torch.maximum compares two tensors: for a tensor and a number write x.clamp(min=number).",
    ),
    Advice(IN_MATH, "", "torch.{0} takes a tensor, and this is a plain number: write math.{0}."),
    Advice(NOT_A_TENSOR, "", "torch.{0} takes a tensor, and this is a plain number: write torch.tensor(x) around it."),
    Advice(r"must be Tensor, not (list|tuple)", "", f"torch computes with tensors, and this is a {{0}}: {FROM_LIST}."),
    Advice(
        r"'(?:list|tuple)' object has no|operand type.*'(?:list|tuple)'|can't multiply sequence",
        "",
        f"a list has none of a tensor's arithmetic: {FROM_LIST}.",
    ),
    Advice(
        r"expected Tensor as element \d+ in argument 0, but got",
        "",
        "torch.stack and torch.cat join tensors, and this list holds plain numbers: write torch.tensor(list).",
    ),
    Advice(
        r"zero-dimensional tensor .*cannot be concatenated",
        "",
        "torch.cat joins rows, and these are single numbers: write torch.stack(list).",
    ),
    Advice(
        r"Can't call numpy\(\)",
        "",
        "numpy carries no gradients: write torch's function of the same name, torch.exp in place of np.exp.",
    ),
    Advice(
        r"leaf Variable|modified by an inplace operation",
        "",
        "a tensor is changed in place, x += ... or x[...] = ..., and the gradient needs what it was: write "
        "x = x + ..., or take x.clone() first.",
    ),
    Advice(
        r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
        "",
        "tensors with {0} and {1} numbers along dimension {2} do not fit together: look at the .shape of both; one "
        "number a row goes with one a token after .unsqueeze(1).",
    ),
    Advice(r"floating point or complex dtype. Got: Bool", "", "True and False have no mean: write .float() first."),
    Advice(
        r"the `-` operator,? (?:with|on) a bool tensor",
        "",
        "a mask cannot be subtracted: write ~mask for its opposite, and mask.float() to compute with it.",
    ),
    Advice(
        rf"'{NUMBER}' object has no attribute 'backward'",
        "",
        "a plain number leads back nowhere: call backward() on the loss itself, and take .item() only after it.",
    ),
    Advice(
        r"does not require grad",
        r"backward\(",
        "no way leads back from this loss: .item(), .detach(), torch.tensor(...) or torch.no_grad() cut it off.",
    ),
    Advice(
        r"backward through the graph a second time",
        "",
        "backward() has used up this computation: call the model and the loss anew in each step.",
    ),
    Advice(
        rf"'{NUMBER}' object has no attribute '(\w+)'",
        "",
        "a plain number has no .{0}, only a tensor has: write torch.tensor(x) around it.",
    ),
    Advice(
        r"index (\d+) is out of bounds for dimension \d+ with size (\d+)",
        r"\[(?:[:.]+, *)?token_ids",
        "token_ids in square brackets picks texts or places, not words: pick each token's number out of the "
        "vocabulary, the last dimension, with gather.",
    ),
    Advice(
        r"index \d+ is out of bounds for dimension \d+ with size \d+",
        r"\[[^]]*argsort|\[(?:order|places?|ranks?|ind(?:ex|ices)|idx|sorted\w*)\]",
        "a tensor of places in square brackets picks whole rows: with places of its own for each row write "
        "values.gather(1, places).",
    ),
    Advice(
        r"index (\d+) is out of bounds for dimension \d+ with size (\d+)",
        "",
        "indices count from 0, so the last of {1} has the number {1} - 1. Nothing follows it: for what would come "
        "next, take 0.",
    ),
    Advice(
        r"Index tensor must have the same number of dimensions",
        "",
        "gather's index needs as many dimensions as the tensor: write index.unsqueeze(-1), and .squeeze(-1) after it.",
    ),
    Advice(
        r"expected condition to be a boolean tensor", "", "torch.where chooses by True and False: write mask.bool()."
    ),
    Advice(
        r"only integer tensors of a single element", "", "a count or an index must be one whole number: write int(x)."
    ),
    Advice(
        r"list index out of range",
        "",
        "the last of n items has the number n - 1: who looks two items ahead, x[i + 2], lets i go through "
        "range(len(x) - 2).",
    ),
    Advice(
        r"n must be a non-negative integer",
        r"comb\(",
        "math.comb takes no number below 0: where a formula counts from 1 and range from 0, its i - 1 is your i.",
    ),
    Advice(r"step must be greater than zero", "", "a tensor has no [::-1]: write x.flip(1) to turn its columns round."),
    Advice(r"name '(torch|math)' is not defined", "", "{0} is not imported: write `import {0}` above the function."),
    Advice(
        r"name 'F' is not defined",
        "",
        "F is not imported: write `from torch.nn import functional as F` above the function.",
    ),
    Advice(
        r"Dimension out of range .*but got (-?\d+)",
        "",
        "this tensor has no dimension {0}: they count from 0, and -1 is the last.",
    ),
]


def advice(error: Exception, line: str) -> str | None:
    """Say what to write in place of the line that raised this error; None where the error is not of torch's making."""
    for known in ADVICE:
        said, found = re.search(known.says, str(error)), re.search(known.line, line)
        if said and found:
            return known.write.format(*said.groups(), *found.groups())
    return None
