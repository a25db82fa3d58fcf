"""How `pytest --nbval notebooks/` compares: the last state of each display, without what differs between machines."""

import os

import pytest
from nbformat import from_dict
from nbval.plugin import IPyNbCell

ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # as `make notebooks` has it
pytest.register_assert_rewrite("shared")
COMPARED = pytest.StashKey[list]()
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Displays:
    """Messages of a kernel, with what was displayed changed in place when a later message updates it."""

    def __init__(self, get_message):
        self.get_message = get_message
        self.shown = {}

    def __call__(self, stream, timeout=None):
        message = self.get_message(stream, timeout=timeout)
        content, display_id = message["content"], message["content"].get("transient", {}).get("display_id")
        if message["msg_type"] == "display_data":
            # nbval copies a plain dict, but keeps a node as it is: an update reaches the output that it compares.
            content["data"] = self.shown[display_id] = from_dict(content["data"])
        elif message["msg_type"] == "update_display_data" and display_id in self.shown:
            self.shown[display_id].clear()
            self.shown[display_id].update(content["data"])
            return self(stream, timeout)
        return message


def pytest_configure(config):
    os.environ |= ONE_THREAD  # of every kernel that a test starts
    if config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(config.rootpath / "tests" / "nbval_sanitize.cfg")


def pytest_runtest_call(item):
    if isinstance(item, IPyNbCell) and not isinstance(item.parent.kernel.get_message, Displays):
        item.parent.kernel.get_message = Displays(item.parent.kernel.get_message)


def pytest_collection_finish(session):
    session.config.stash[COMPARED] = [
        item.options["check"] and not item.options["skip"] and has_text(output)
        for item in session.items
        if isinstance(item, IPyNbCell)
        for output in item.cell.outputs
    ]


def has_text(output) -> bool:
    """Tell whether nbval can compare an output; it skips pictures and live widgets."""
    return any(kind not in ("image/png", WIDGET_VIEW) for kind in output.get("data", ["text"]))


def pytest_terminal_summary(terminalreporter, config):
    compared = config.stash.get(COMPARED, [])
    if compared:
        share = f"{sum(compared)} of {len(compared)} outputs ({sum(compared) / len(compared):.0%})"
        terminalreporter.write_line(f"nbval compared {share} of the notebooks' code cells, by their text.")
