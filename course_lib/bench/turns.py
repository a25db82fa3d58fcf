"""How a contender of the race hears that it is its turn, and answers."""

import json
import sys
import time
from typing import TextIO


class Turns:
    """The requests and answers of one contender; `seconds` in an answer runs from its request to the answer."""

    def __init__(self, requests: TextIO, answers: TextIO):
        self.requests, self.answers = requests, answers
        self.began = time.perf_counter()

    def wait(self) -> None:
        """Sleep until the next request; leave where none can come any more."""
        if not self.requests.readline():
            sys.exit()
        self.began = time.perf_counter()

    def answer(self, record: dict) -> None:
        """Send one record."""
        seconds = time.perf_counter() - self.began
        print(json.dumps(record | {"seconds": seconds}), file=self.answers, flush=True)
