"""The zip that students are given, and what they have once it is unpacked."""

import io
import zipfile

import pytest

from course_lib.publish.handout import NAME, build, pack


@pytest.fixture(scope="package")
def packed() -> bytes:
    return pack(build())


@pytest.fixture(scope="package")
def course(packed, tmp_path_factory):
    """The zip, unpacked in a folder of its own."""
    folder = tmp_path_factory.mktemp("a student's home")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)
    return folder / NAME
