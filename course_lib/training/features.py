"""What a frozen language model sees in each rated sentence: 768 numbers, the input of the lesson's reward model."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from course_lib.training.files.checksums import verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import FEATURES
from course_lib.training.ratings import RatedSentence

STEP = 1 / 32  # features are stored as whole numbers of 32nds of a standard deviation


def load_features(sentences: Sequence[RatedSentence], path: Path = FEATURES) -> Float[Tensor, "sentences width"]:
    """Read the features of these sentences, one row each, in their order; each feature has standard deviation 1.

    Raises CourseError where the file is missing or damaged, or lacks one of the sentences.
    """
    if not path.is_file():
        raise CourseError(f"Expected the features at {path}, but there is no such file; {_REMEDY}.")
    verify(path)
    try:
        stored = load_file(path)
        ids, features = stored["ids"], stored["features"]
    except (SafetensorError, KeyError, OSError) as error:
        raise CourseError(f"Expected ids and features in {path}, but reading failed ({error}); {_REMEDY}.") from error
    is_table = features.dtype == torch.int8 and features.ndim == 2
    if not is_table or ids.dtype != torch.int32 or ids.shape != features.shape[:1] or len(ids.unique()) < len(ids):
        raise CourseError(
            f"Expected int32 ids, each once, and a row of int8 features for each in {path}, but they are {ids.dtype} "
            f"{tuple(ids.shape)} and {features.dtype} {tuple(features.shape)}; {_REMEDY}."
        )
    row_of = {number: row for row, number in enumerate(ids.tolist())}
    missing = [sentence.id for sentence in sentences if sentence.id not in row_of]
    if missing:
        raise CourseError(
            f"Expected the features of sentence {missing[0]} in {path}, but they are not there; {_REMEDY}."
        )
    return features[[row_of[sentence.id] for sentence in sentences]].float() * STEP


_REMEDY = "restore the file or rebuild it as data/README.md says"
