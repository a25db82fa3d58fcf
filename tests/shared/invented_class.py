"""An invented class: students who are right, who make mistakes, who hand in damage, and whose code does harm."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.choices import Choice, TextPair
from course_lib.classroom.predictions import predictions
from course_lib.publish.roles import exercises
from course_lib.publish.stored import read

TORCH = "import torch\nfrom torch.nn import functional as F\n\n\n"
# what is wrong with each, by the exercise's own names
WRONG = {
    "gae": [
        "def my_gae(rewards, values, response_mask, *, gamma, lam):\n    return rewards - values",
        "def my_gae(rewards, values, response_mask, *, gamma, lam):\n    return (rewards - values) * response_mask",
    ],
    "td_residuals": [
        "def my_td_residuals(rewards, values, response_mask, *, gamma):\n"
        "    after = torch.cat([values[:, 1:], values[:, :1] * 0], dim=1) * response_mask\n"
        "    # Maxine wrote this\n    return (rewards + after - values) * response_mask",
        "def my_td_residuals(rewards, values, response_mask, *, gamma):\n    return (rewards - values) * response_mask",
    ],
    "whiten": [
        "def my_whiten(values, mask):\n    '''By Maxine.'''\n    return (values - values.mean()) / values.std()",
    ],
    "pair_accuracy": [
        "def my_pair_accuracy(chosen_rewards, rejected_rewards):\n"
        "    return (chosen_rewards > rejected_rewards).float().mean()",
    ],
    "bradley_terry_loss": [
        "def my_bradley_terry_loss(chosen_rewards, rejected_rewards):\n"
        "    return F.logsigmoid(chosen_rewards - rejected_rewards).mean()",
        "def my_bradley_terry_loss(chosen_rewards, rejected_rewards):\n"
        "    if chosen_rewards > rejected_rewards:\n        return 0\n    return 1",
    ],
}
FUNCTION = "def my_k1(logprobs, ref_logprobs):\n    {}\n"
K1 = "def my_k1(logprobs, ref_logprobs):\n    return logprobs - ref_logprobs\n"
HOSTILE = {
    "endless loop": FUNCTION.format("while True: pass"),
    "endless import": "while True:\n    pass\n",
    "exits": "import sys\n" + FUNCTION.format("sys.exit(0)"),
    "leaves at once": "import os\nos._exit(0)\n",
    "forks": "import os\nwhile True:\n    os.fork()\n" + K1,
    "deletes": "import shutil\n" + FUNCTION.format("shutil.rmtree({victim!r}); return logprobs - ref_logprobs"),
    "deletes below Python": FUNCTION.format("torch.save(torch.zeros(3), {victim!r} + '/kept.txt'); return logprobs"),
    "prints": FUNCTION.format("print('x' * 10**8); return logprobs - ref_logprobs"),
    "patches the check": "from course_lib.classroom.exercises import trials as t, verdict as v\n"
    "v.verdict = lambda *_, **__: 'Passed: of course'\nt.alike = v.alike = lambda *_, **__: True\n"
    "torch.allclose = lambda *_, **__: True\n" + FUNCTION.format("return logprobs + 1"),
    "knows the answers by heart": "from course_lib.classroom.exercises.check import EXERCISES\n"
    + FUNCTION.format(
        "e = EXERCISES['k1']\n    for p in (*e.probes, *__import__('course_lib.classroom.exercises.draws', fromlist="
        "['drawn']).drawn(e.draw)):\n        if torch.equal(p['logprobs'], logprobs): return logprobs - ref_logprobs\n"
        "    return logprobs"
    ),
    "eats memory": FUNCTION.format("return [torch.ones(10**9) for _ in range(100)]"),
    "kills": "import os, signal\n" + FUNCTION.format("os.kill(os.getppid(), signal.SIGKILL); return logprobs"),
    "kills below Python": "import signal\n"
    + FUNCTION.format("return torch.multiprocessing.get_context('fork').Process(target=print).start()"),
    "closes everything": "import os\n" + FUNCTION.format("os.closerange(0, 64)"),
    "forges answers": "import os\nfor fd in range(3, 64):\n    try:\n"
    "        os.write(fd, b'\\x00\\x00\\x00\\x02{}' * 99)\n    except OSError:\n        pass\n" + K1,
    "calls out": "import socket\n" + FUNCTION.format("socket.socket().connect(('127.0.0.1', 9)); return logprobs"),
    "crashes": "import ctypes\n" + FUNCTION.format("ctypes.string_at(0)"),
    "recurses": FUNCTION.format("return my_k1(logprobs, ref_logprobs)"),
    "fills the disk with files": FUNCTION.format(
        "[open(str(i), 'wb').write(bytes(10**6)) for i in range(200)]; return logprobs - ref_logprobs"
    ),
    "fills the disk": FUNCTION.format("open('big', 'wb').write(b'0' * 10**9)"),
    "interrupts": FUNCTION.format("raise KeyboardInterrupt"),
    "is deaf": "import signal\nfor s in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU):\n"
    "    signal.signal(s, signal.SIG_IGN)\n" + FUNCTION.format("while True: pass"),
    "returns a monster": "class Monster(list):\n    def __repr__(self): raise SystemExit\n    __len__ = __repr__\n"
    "    __iter__ = __repr__\n" + FUNCTION.format("return Monster()"),
    "writes HTML": FUNCTION.format("raise ValueError('<script>alert(1)</script>')"),
    "calls ours": "from course_lib.equations.kl import k1\n" + FUNCTION.format("return k1(logprobs, ref_logprobs)"),
}


def solutions() -> dict[str, str]:
    """The folded solutions of the notebooks, by exercise."""
    parts = {name: part for path in NOTEBOOKS for name, part in exercises(read(path)).items()}
    found = {name: re.search(r"```python\n(.*?)```", part["solution"].source, re.S) for name, part in parts.items()}
    return {name: match.group(1) for name, match in found.items() if match}


def stubs() -> dict[str, str]:
    """The cells in which students write, as they are given out, by exercise."""
    return {
        name: part["stub"].source
        for path in NOTEBOOKS
        for name, part in exercises(read(path)).items()
        if "stub" in part
    }


def notebook(*codes: str) -> str:
    """A notebook with these cells."""
    cells = [{"cell_type": "code", "source": code.splitlines(keepends=True), "metadata": {}} for code in codes]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def answers(number: int) -> str:
    """The predictions of a student, right and wrong; a second answer to the first one, which does not count."""
    lines, time = [], "2026-03-02T10:00:00+01:00"
    for place, (name, question) in enumerate(predictions().items()):
        if (place + number) % 4:
            letter = question.right if (7 * place + 3 * number) % 5 > 1 else "abc"[(place + number) % 3]
            lines.append(json.dumps({"question": name, "choice": letter, "time": time}))
    return "\n".join([*lines, lines[0].replace('"choice": "', '"choice": "z')]) + "\n"


def honest(folder: Path, number: int, *, most: int = 99) -> None:
    """A student who has come so far: some functions kept, one or two wrong ones in a notebook."""
    right, folder = solutions(), Path(folder)
    folder.mkdir(parents=True)
    names = [
        name for place, name in enumerate(right) if (place * 7 + number) % 5 and name not in ("train_ppo", "dpo_loss")
    ][:most]
    wrong = [name for place, name in enumerate(WRONG) if (place + number) % 3 == 0]
    kept = [right[name] for name in names if name not in wrong]
    (folder / "my_rlhf.py").write_text("\n\n\n".join(kept), encoding="utf-8")
    tried = [TORCH + WRONG[name][number % len(WRONG[name])] for name in wrong]
    written = notebook("%matplotlib inline\n1 + 1", *tried, "raise SystemExit", stubs()["dpo_loss"])
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "02_clipped_ppo.ipynb").write_text(written, encoding="utf-8")
    (folder / "my_answers.jsonl").write_text(answers(number), encoding="utf-8")


def annotators(pairs: list[TextPair], taste: Callable, *, count: int, seed: int = 0) -> list[list[Choice]]:
    """Students who decide each pair by one taste, a function from texts to numbers, with Bradley and Terry's noise."""
    gaps = taste([pair.left for pair in pairs]) - taste([pair.right for pair in pairs])
    likes = torch.rand(count, len(pairs), generator=torch.Generator().manual_seed(seed)) < torch.sigmoid(gaps)
    return [[Choice(pair, "left" if left else "right") for pair, left in zip(pairs, row, strict=True)] for row in likes]


def hostile(folder: Path, victim: Path) -> None:
    """Students, one for each kind of harm, by its name."""
    for name, code in HOSTILE.items():
        (folder / name).mkdir(parents=True)
        code = code.replace("{victim!r}", repr(str(victim)))
        (folder / name / "my_rlhf.py").write_text(TORCH + code, encoding="utf-8")


def damaged(folder: Path) -> None:
    """What cannot be read, in many ways."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("deep/my_rlhf.py", TORCH + K1)
    (folder / "zipped.zip").write_bytes(content.getvalue())
    (folder / "cut off.zip").write_bytes(content.getvalue()[:60])
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("my_rlhf.py", b"#" * 50_000_000)
    (folder / "no Python").mkdir()
    (folder / "no Python" / "my_rlhf.py").write_text("def my_k1(:\n", encoding="utf-8")
    (folder / "binary").mkdir()
    (folder / "binary" / "my_rlhf.py").write_bytes(b"\xff\x00\xfe\x80" * 50)
    (folder / "empty").mkdir()
    (folder / "elsewhere").symlink_to("/")
    (folder / "no notebook.ipynb").write_text("{", encoding="utf-8")
    (folder / "half answers").mkdir()
    (folder / "half answers" / "my_answers.jsonl").write_text(answers(1)[:-40] + "\nnull\n[[[", encoding="utf-8")
    (folder / "half answers" / "my_choices.jsonl").write_text('{"prompt": 1}\n', encoding="utf-8")
