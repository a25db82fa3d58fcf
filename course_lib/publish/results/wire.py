"""What goes between the judge and a student's process: JSON of numbers and tensors, of a bounded length, in time.

Nothing that comes from there is run: of an object of an unknown class only the name of the class comes over.
"""

import json
import math
import select
import socket
import time
from dataclasses import fields
from numbers import Integral, Real

import torch
from torch import Tensor

from course_lib.classroom.exercises import loop_trace, ppo_trace
from course_lib.training.rollout import Rollout

MOST_NUMBERS, MOST_BYTES, LONGEST_TEXT, DEEPEST = 100_000, 16_000_000, 2_000, 12
DTYPES = {
    name: getattr(torch, name)
    for name in ("bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
}


TRACES = {"LoopTrace": loop_trace.Trace, "PPOTrace": ppo_trace.Trace}
KNOWN = {
    kind.__name__: kind for kind in (loop_trace.Update, ppo_trace.Read, ppo_trace.Step, ppo_trace.Weights, Rollout)
} | TRACES
NAMES = {kind: name for name, kind in KNOWN.items()}


class Gone(BaseException):  # which no check takes for an error of the function that it tries
    """The other process has ended, or says what cannot be understood."""


class Late(BaseException):
    """The other process has not answered in time."""


def pack(value: object, depth: int = 0) -> object:
    """Turn a value into what JSON can say."""
    if depth > DEEPEST:
        return {"kind": "deeply nested value"}
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value[:LONGEST_TEXT].encode("utf-8", "replace").decode()
    if isinstance(value, Integral):
        return int(value) if abs(int(value)) < 2**63 else {"kind": "number of many digits"}
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, Tensor):
        return pack_tensor(value)
    if isinstance(value, list | tuple | dict):
        return pack_many(value, depth)
    if type(value) in NAMES:
        parts = {field.name: pack(getattr(value, field.name), depth + 1) for field in fields(value)}
        return {"of": NAMES[type(value)], "parts": parts}
    return {"kind": type(value).__name__[:60]}


def pack_tensor(tensor: Tensor) -> dict:
    """A tensor by its numbers, its shape and their kind."""
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES or tensor.numel() > MOST_NUMBERS or tensor.layout is not torch.strided:
        return {"kind": f"{name} tensor of shape {tuple(tensor.shape)}"}
    return {"tensor": tensor.detach().flatten().tolist(), "shape": list(tensor.shape), "dtype": name}


def pack_many(value: list | tuple | dict, depth: int) -> object:
    """A list as a list, other collections by their names."""
    if len(value) > MOST_NUMBERS:
        return {"kind": f"{type(value).__name__} of {len(value)}"}
    if isinstance(value, dict):
        return {"dict": [[pack(name, depth + 1), pack(part, depth + 1)] for name, part in value.items()]}
    parts = [pack(part, depth + 1) for part in value]
    return {"tuple": parts} if isinstance(value, tuple) else parts


def unpack(said: object) -> object:
    """The value that was packed; of an unknown kind an empty object whose class has its name.

    Raises:
        Gone: it was not packed by `pack`.
    """
    try:
        return _unpack(said)
    except (TypeError, ValueError, KeyError, RuntimeError, AttributeError, RecursionError, OverflowError) as error:
        raise Gone(f"it sends what is no value ({type(error).__name__})") from None


def _unpack(said: object) -> object:
    if isinstance(said, list):
        return [_unpack(part) for part in said]
    if not isinstance(said, dict):
        return said
    if "tensor" in said:
        if math.prod(said["shape"]) != len(said["tensor"]):
            raise ValueError
        return torch.tensor(said["tensor"], dtype=DTYPES[said["dtype"]]).reshape(said["shape"])
    if "tuple" in said:
        return tuple(_unpack(part) for part in said["tuple"])
    if "dict" in said:
        return {_unpack(name): _unpack(part) for name, part in said["dict"]}
    if "of" in said:
        return KNOWN[said["of"]](**{name: _unpack(part) for name, part in said["parts"].items()})
    return type(str(said["kind"])[:100], (), {})()


class Line:
    """One end of a connection: messages of JSON, each behind its length in four bytes."""

    def __init__(self, end: socket.socket):
        self.end = end

    def send(self, message: object, *, seconds: float | int = 600) -> None:
        """Send a message. Gone where nobody listens, Late where it is not taken in time."""
        content = json.dumps(message).encode()
        self._within(seconds)
        try:
            self.end.sendall(len(content).to_bytes(4, "big") + content)
        except TimeoutError:
            raise Late from None
        except OSError:
            raise Gone("its process has ended") from None

    def receive(self, *, seconds: float | int = 600) -> object:
        """The next message. Gone where none can come any more, Late where it does not come in time."""
        until = time.monotonic() + seconds
        size = int.from_bytes(self._take(4, until), "big")
        if size > MOST_BYTES:
            raise Gone("it sends too much")
        try:
            return json.loads(self._take(size, until))
        except (ValueError, RecursionError):
            raise Gone("it sends what is no JSON") from None

    def _take(self, size: int, until: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            self._within(until - time.monotonic())
            try:
                part = self.end.recv(min(size - len(parts), 1 << 16))
            except TimeoutError:
                raise Late from None
            except OSError:
                raise Gone("its process has ended") from None
            if not part:
                raise Gone("its process has ended")
            parts += part
        return bytes(parts)

    def _within(self, seconds: float | int) -> None:
        if seconds <= 0:
            raise Late
        self.end.settimeout(seconds)

    def close(self) -> None:
        """Hang up."""
        self.end.close()


def waiting(lines: list[Line], *, seconds: float | int) -> list[Line]:
    """Those of the lines on which something has come, once it has on one, or the time is over."""
    ready, _, _ = select.select([line.end for line in lines], [], [], seconds)
    return [line for line in lines if line.end in ready]
