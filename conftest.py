"""How `pytest --nbval notebooks/` compares: the last state of each display, without what differs between machines."""

from nbformat import from_dict
from nbval.plugin import IPyNbCell


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
    if config.option.nbval_sanitize_with is None:
        config.option.nbval_sanitize_with = str(config.rootpath / "tests" / "nbval_sanitize.cfg")


def pytest_runtest_call(item):
    if isinstance(item, IPyNbCell) and not isinstance(item.parent.kernel.get_message, Displays):
        item.parent.kernel.get_message = Displays(item.parent.kernel.get_message)
