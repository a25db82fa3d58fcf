"""A process that has loaded all that a student's process needs, and forks one for each student in milliseconds.

It was forked before anything was read or drawn, so that no memory of it holds a probe or another student's work.
"""

import ctypes
import json
import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path

from course_lib.publish.results import pupil
from course_lib.publish.results.confine import end_with_parent, on_linux
from course_lib.publish.results.wire import Gone, Line

SUBREAPER = 36  # prctl(2): orphans below come to this process, whatever session they made


class Nursery:
    """The judge's side: begins and ends students' processes."""

    def __init__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            ours.close()
            with suppress(BaseException):
                keep(theirs)
            os._exit(0)
        theirs.close()
        self.line = Line(ours)

    def begin(self, folder: Path) -> Line:
        """Fork a student's process in a folder of its own, and give the line to it. Gone where that fails."""
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self.line.end, [json.dumps(str(folder)).encode()], [theirs.fileno()])
        except OSError:
            raise Gone("the nursery has ended") from None
        finally:
            theirs.close()
        return Line(ours)

    def end(self) -> None:
        """End the student's process and all that came of it. Gone where the nursery has ended itself."""
        self.line.send(None)
        self.line.receive(seconds=20)


def keep(control: socket.socket) -> None:
    """Fork and end students' processes, one at a time, as the judge says."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    libc = ctypes.CDLL(None)
    end_with_parent(libc)
    if on_linux():
        libc.prctl(SUBREAPER, 1, 0, 0, 0)
    while True:
        message, ends, _, _ = socket.recv_fds(control, 65536, 1)
        if not message:
            return
        folder, student = Path(json.loads(message)), socket.socket(fileno=ends[0])
        child = os.fork()
        if child == 0:
            control.close()
            os.setsid()
            with suppress(BaseException):
                pupil.serve(student, folder)
            os._exit(0)
        student.close()
        line = Line(control)
        try:
            line.receive(seconds=3600)
        finally:
            end_all(child)
        line.send(True)
        control.settimeout(None)


def end_all(child: int) -> None:
    """End a child, its process group, and whatever it has set free to live on."""
    for kill in (os.kill, os.killpg):
        with suppress(OSError):
            kill(child, signal.SIGKILL)
    while True:
        try:
            done, _ = os.waitpid(-1, 0 if not on_linux() else os.WNOHANG)
        except ChildProcessError:
            return
        if done == 0:
            for orphan in children():
                with suppress(OSError):
                    os.kill(orphan, signal.SIGKILL)
            time.sleep(0.002)


def children() -> list[int]:
    """The processes whose parent is this one."""
    mine, found = os.getpid(), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == mine:
                found.append(int(stat.parent.name))
    return found
