"""What goes between processes comes over as it is, and nothing that another process sends can do harm."""

import json
import socket

import numpy as np
import pytest
import torch

from course_lib.classroom.exercises import loop_trace, ppo_watch
from course_lib.classroom.exercises.loops import train_on_ratings
from course_lib.classroom.exercises.ppo_steps import train_ppo
from course_lib.publish.results.pupil import packed_trace
from course_lib.publish.results.wire import Gone, Late, Line, pack, unpack


def over(value):
    return unpack(json.loads(json.dumps(value)))


@pytest.mark.parametrize(
    "value",
    [None, True, 3, -2.5, "a", [1, (2, "b")], {"a": (1,), True: 2}, ()],
)
def test_plain_values_come_over_as_they_are(value):
    assert over(pack(value)) == value
    assert type(over(pack(value))) is type(value)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(), (0,), (2, 3), (0, 4)])
def test_tensors_come_over_with_shape_and_kind(dtype, shape):
    tensor = torch.ones(shape, dtype=dtype)
    came = over(pack(tensor))
    assert (came.dtype, came.shape) == (dtype, shape)
    assert torch.equal(came, tensor)


def test_numbers_come_over_to_the_last_bit():
    numbers = torch.tensor([0.1, float("nan"), float("inf"), 1e-45])
    assert torch.equal(over(pack(numbers)).view(torch.int32), numbers.view(torch.int32))
    assert over(pack(np.float32(0.5))) == 0.5


@pytest.mark.parametrize("value", [object(), np.zeros(3), torch.zeros(3, dtype=torch.complex64), 10**400, {1, 2}])
def test_anything_else_comes_over_as_a_kind_alone(value):
    came = over(pack(value))
    assert not hasattr(came, "__len__")
    assert type(came).__module__ == "course_lib.publish.results.wire"


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"tensor": [1], "shape": [2], "dtype": "float32"},
        {"tensor": ["x"], "shape": [1], "dtype": "float32"},
        {"tensor": [1], "shape": [-1, -1], "dtype": "__class__"},
        {"of": "Trace", "parts": {}},
        {"of": "Update", "parts": {"evil": 1}},
        {"dict": [[[], 1]]},
        {"tuple": 3},
    ],
)
def test_what_was_not_packed_is_refused(said):
    with pytest.raises(Gone):
        unpack(said)


def test_a_trace_comes_over_whole_enough_to_be_judged():
    trace = loop_trace.run(train_on_ratings, torch.nn.functional.mse_loss, rated=True, seed=0)
    came = over(packed_trace(trace))
    assert came.cosine == pytest.approx(trace.cosine)
    assert [update.places for update in came.updates] == [update.places for update in trace.updates]
    seen = over(packed_trace(ppo_watch.run(train_ppo)))
    assert len(seen.learned) == 18
    assert len(seen.optimizers) == 1


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    yield Line(ours), theirs
    ours.close()
    theirs.close()


def test_a_message_comes_over_a_line(line):
    ours, theirs = line
    ours.send({"a": [1.5]})
    assert Line(theirs).receive(seconds=1) == {"a": [1.5]}


@pytest.mark.parametrize("sent", [b"\xff\xff\xff\xff", b"\0\0\0\3{}!", b"\0\0\0\x02{", b"\0\0\x03\xe8" + b"[" * 1000])
def test_junk_on_a_line_is_refused(line, sent):
    ours, theirs = line
    theirs.sendall(sent)
    theirs.close()
    with pytest.raises(Gone):
        ours.receive(seconds=1)


def test_who_says_nothing_or_half_a_message_is_late(line):
    ours, theirs = line
    theirs.sendall(b"\0\0\0\x09half")
    with pytest.raises(Late):
        ours.receive(seconds=0.05)
