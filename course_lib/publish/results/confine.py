"""Limits around code that students wrote: time, memory, files, network, other processes.

Each system gives what it has. The kernel's limits hold against anything; the guard inside Python holds on every system,
and says by name what was tried.
"""

import ctypes
import os
import platform
import resource
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from course_lib.training.files.paths import DATA

GB = 2**30
CPU_SECONDS, MEMORY, FILE_SIZE, OPEN_FILES, WRITTEN_FILES = 120, GB, 2**22, 64, 50
NOBODY = 65534
NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000
# what code that computes has no use for, by Python's own names for it (docs.python.org, "Audit events table")
REFUSED = {
    "os.system": "start a program",
    "os.exec": "start a program",
    "os.posix_spawn": "start a program",
    "os.spawn": "start a program",
    "os.startfile": "start a program",
    "subprocess.Popen": "start a program",
    "os.fork": "fork",
    "os.forkpty": "fork",
    "os.kill": "end a process",
    "os.killpg": "end a process",
    "os.remove": "delete files",
    "os.rmdir": "delete files",
    "shutil.rmtree": "delete files",
    "shutil.move": "move files",
    "os.rename": "move files",
    "os.truncate": "change files",
    "os.chmod": "change files",
    "os.chown": "change files",
    "os.link": "make links",
    "os.symlink": "make links",
    "socket.__new__": "open a connection",
    "socket.connect": "open a connection",
    "socket.getaddrinfo": "open a connection",
    "urllib.Request": "open a connection",
    "ctypes.dlopen": "load a C library",
    "ctypes.dlsym": "load a C library",
    "ctypes.call_function": "call C",
    "sys.addaudithook": "watch the guard",
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Refused(PermissionError):  # noqa: N818
    """Something that a student's code may not do here."""


def confine(folder: Path) -> list[str]:
    """Shut this process in a folder of its own; return what of it the system does not allow, in words."""
    libc = ctypes.CDLL(None, use_errno=True)
    missing = []
    if not without_network(libc):
        missing.append("a network of its own, without a way out")
    opened = [
        os.open(path, getattr(os, "O_PATH", os.O_RDONLY) | os.O_CLOEXEC) for path in (folder, os.devnull, *readable())
    ]
    become_nobody()
    end_with_parent(libc)  # which becoming somebody else undoes
    limit()
    if not keep_in(libc, *opened):
        missing.append("a kernel that keeps files outside its folder from being read and written")
    for each in opened:
        os.close(each)
    guard(folder)
    return missing


def limit() -> None:
    """Bound CPU time, memory, the size of files, and the number of processes."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() if on_linux() else 0
    bounds = {
        resource.RLIMIT_CPU: CPU_SECONDS,
        resource.RLIMIT_FSIZE: FILE_SIZE,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        getattr(resource, "RLIMIT_NPROC", resource.RLIMIT_CORE): 0,
    }
    if in_use:
        bounds[resource.RLIMIT_AS] = in_use + MEMORY
    for which, most in bounds.items():
        with suppress(ValueError, OSError):  # a lower one holds already
            resource.setrlimit(which, (most, most))


def become_nobody() -> None:
    """Of root become a user without rights."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def end_with_parent(libc: ctypes.CDLL) -> None:
    """Let the kernel end this process when the one that began it ends."""
    if on_linux():
        libc.prctl(1, signal.SIGKILL, 0, 0, 0)


def without_network(libc: ctypes.CDLL) -> bool:
    """Move to a network of its own, in which there is nothing."""
    if not on_linux():
        return False
    return libc.unshare(NEW_NETWORK) == 0 or libc.unshare(NEW_NETWORK | NEW_USER) == 0


def on_linux() -> bool:
    """Whether this is Linux, on which most of the kernel's limits are built."""
    return sys.platform == "linux"


# Landlock (landlock(7)), by its system calls, which have the same numbers on all machines.
CREATE, ADD_RULE, RESTRICT_SELF = 444, 445, 446
READS = 0b1101  # execute, read a file, read a folder
WRITE_A_FILE = 1 << 1 | 1 << 14  # and cut it short
# what Python loads from, besides its own folders: without home, other students' folders, and /proc, which names these
SYSTEM = ("/usr", "/lib", "/lib64", "/opt", "/nix")


class Ruleset(ctypes.Structure):
    """What is refused: ways to change files, to connect, to send signals."""

    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    """What is allowed beneath a folder."""

    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def readable() -> list[Path]:
    """The folders that Python, its packages, the library and its data are read from."""
    packages = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    places = (*SYSTEM, sys.prefix, sys.base_prefix, *packages, Path(__file__).parents[2], DATA)
    return [path for path in map(Path, places) if path.is_dir()]


def keep_in(libc: ctypes.CDLL, folder: int, nothing: int, *readable: int) -> bool:
    """Let the kernel refuse all files outside an open folder, but for reading what is `readable`, TCP, and signals.

    It does so as far as it can.
    """
    if not on_linux() or platform.machine() not in ("x86_64", "aarch64"):
        return False
    version = libc.syscall(CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    files = 2**rights - 1
    net, scoped = 0b11 * (version >= 4), 0b11 * (version >= 6)
    size = 8 + 8 * (version >= 4) + 8 * (version >= 6)
    rules = libc.syscall(CREATE, ctypes.byref(Ruleset(files, net, scoped)), ctypes.c_size_t(size), 0)
    if rules < 0:
        return False
    may = [(folder, files), (nothing, files & (WRITE_A_FILE | 1 << 2)), *((place, READS) for place in readable)]
    for opened, allowed in may:
        libc.syscall(ADD_RULE, rules, 1, ctypes.byref(Beneath(allowed, opened)), 0)
    libc.prctl(38, 1, 0, 0, 0)  # no new privileges, without which the next is refused
    done = libc.syscall(RESTRICT_SELF, rules, 0) == 0
    os.close(rules)
    return done


def guard(folder: Path) -> None:
    """Refuse in Python what code that computes has no use for; a guard once set cannot be taken away."""
    inside, refused = str(folder.resolve()) + os.sep, dict(REFUSED)
    sys.addaudithook(watch(inside, refused, os.path.abspath, os.fsdecode, Refused))


def watch(inside: str, refused: dict[str, str], absolute: Callable, decoded: Callable, error: type) -> Callable:
    """The guard, which holds all that it needs, so that nothing that a student changes reaches it."""

    written = set()

    def hook(event: str, details: tuple) -> None:
        if event in refused:
            raise error(f"it may not {refused[event]} here")
        if event == "open" and isinstance(details[2], int) and details[2] & WRITES:
            path = details[0]
            if isinstance(path, str | bytes) and not absolute(decoded(path)).startswith((inside, os.devnull)):
                raise error("it may not write files outside its folder")
            written.add(path)
            if len(written) > WRITTEN_FILES:
                raise error(f"it may not write more than {WRITTEN_FILES} files")

    return hook


def silence(keep: socket.socket) -> None:
    """Send what is printed nowhere, and close every file but one connection."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 4096)
    os.closerange(3, keep.fileno())
    os.closerange(keep.fileno() + 1, most)
