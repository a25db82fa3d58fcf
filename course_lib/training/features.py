"""What a frozen language model sees in each rated sentence: 768 numbers, the input of a small reward model."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from course_lib.training.files.checksums import remedy, verify
from course_lib.training.files.errors import CourseError
from course_lib.training.files.paths import FEATURES
from course_lib.training.ratings import RatedSentence

STEP = 1 / 32  # features are stored as whole numbers of 32nds of a standard deviation


def load_features(sentences: Sequence[RatedSentence], path: Path = FEATURES) -> Float[Tensor, "sentences width"]:
    """Read the features of these sentences, one row each, in their order; each feature has standard deviation 1.

    Raises CourseError where the file is missing or damaged, or lacks one of the sentences.
    """
    verify(path)
    try:
        stored = load_file(path)
        ids, features = stored["ids"], stored["features"]
    except (SafetensorError, KeyError, OSError) as error:
        raise CourseError(
            f"Expected ids and features in {path}, but reading failed ({error}); {remedy(path)}."
        ) from error
    row_of = {number: row for row, number in enumerate(ids.tolist())}
    missing = [sentence.id for sentence in sentences if sentence.id not in row_of]
    if missing:
        raise CourseError(
            f"Expected the features of sentence {missing[0]} in {path}, but they are not there; {remedy(path)}."
        )
    return features[[row_of[sentence.id] for sentence in sentences]].float() * STEP
