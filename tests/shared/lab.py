"""JupyterLab in a browser, as a student has it: open a notebook, run it, press its keys and buttons, look at it."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page

from course_lib.publish.lab import CONFIG
from course_lib.publish.stored import read

# Every cell is kept in the page, also where it is scrolled away.
SETTINGS = {"notebook-extension/tracker": '{"windowingMode": "none"}'}
ERRORS = "[data-mime-type='application/vnd.jupyter.error'], [data-mime-type='application/vnd.jupyter.stderr']"
HEIGHT = 1000
SILENT = 15  # seconds


@contextmanager
def serve(notebooks: Path, home: Path) -> Iterator[str]:
    """Run a JupyterLab of its own on the folder `notebooks`, with all it writes in `home`, and give its address."""
    for name, text in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # of settings that a test brings
            path.write_text(text)
    folders = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    folders |= {"JUPYTER_CONFIG_PATH": str(CONFIG)}  # as `make lab` has it
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}", f"--ServerApp.root_dir={notebooks}"]
    command = [sys.executable, "-m", "jupyter", "lab", *options, f"--IdentityProvider.token={token}"]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
        try:
            wait_until(lambda: server.poll() is not None or listens(port), "the server answers", seconds=60)
            assert server.poll() is None, (home / "server.log").read_text()
            yield f"http://127.0.0.1:{port}/lab?token={token}"
        finally:
            server.terminate()
            server.wait(timeout=30)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], object], what: str, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"after {seconds:.0f} seconds still not: {what}"
        time.sleep(0.05)


class Lab:
    """One notebook in one page; cells are called by their ids."""

    def __init__(self, page: Page, address: str, notebooks: Path, pictures: Path):
        self.page, self.address, self.notebooks, self.pictures = page, address, notebooks, pictures
        self.outside = []
        page.on("request", lambda request: self.note(request.url))

    def note(self, url: str) -> None:
        if not re.match(r"(http|ws)://127\.0\.0\.1:|data:|blob:", url):
            self.outside.append(url)

    def open(self, name: str) -> None:
        """Open a notebook and wait for its kernel."""
        self.name = name
        notebook = read(self.notebooks / f"{name}.ipynb")
        self.places = {cell.id: place for place, cell in enumerate(notebook.cells)}
        self.page.goto(self.address.replace("/lab?", f"/lab/tree/{name}.ipynb?reset&"))
        self.page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", timeout=180_000)
        # the page may say idle before its kernel is there, and then asks for one when a cell is run
        wait_until(lambda: any(session["kernel"]["connections"] for session in self.sessions()), "a kernel is there")
        wait_until(lambda: self.page.locator(".jp-Notebook .jp-Cell").count() == len(notebook.cells), "all cells show")

    def menu(self, menu: str, command: str) -> None:
        """Choose an entry of the menu bar."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.locator(f"li[data-command='{command}']").click()

    def run_all(self, *, seconds: float = 480) -> None:
        """Clear all outputs, run all cells and wait until the last is done; none may show an error.

        Requests were lost between page and kernel, which then wait for each other: where an idle kernel leaves cells
        waiting, the notebook is opened anew with another one.
        """
        end = time.monotonic() + seconds
        while not self.ran(end):
            self.end_kernels()
            self.open(self.name)
        assert not self.errors(), f"{self.name}: " + "\n".join(self.errors())

    def ran(self, end: float) -> bool:
        """Run all cells until the last is done or one shows an error; False where they wait for an idle kernel."""
        self.menu("Edit", "editmenu:clear-all")
        self.menu("Run", "runmenu:run-all")
        wait_until(
            lambda: self.errors() or not self.waiting() or self.stuck(),
            f"all cells of {self.name} ran",
            seconds=end - time.monotonic(),
        )
        return bool(self.errors()) or not self.waiting()

    def stuck(self) -> bool:
        """Tell whether cells wait, though the kernel has been idle for SILENT seconds."""
        end = time.monotonic() + SILENT
        while self.waiting() and all(session["kernel"]["execution_state"] == "idle" for session in self.sessions()):
            if time.monotonic() > end:
                return True
            time.sleep(0.5)
        return False

    def run(self, cell_id: str) -> None:
        """Run one cell."""
        self.cell(cell_id).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")

    def errors(self) -> list[str]:
        return self.page.locator(ERRORS).all_inner_texts()

    def waiting(self) -> bool:
        """Tell whether a code cell has not run yet."""
        prompts = self.page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return not all(re.search(r"\[\d+\]", prompt) for prompt in prompts)

    def cell(self, cell_id: str) -> Locator:
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.places[cell_id])

    def says(self, cell_id: str) -> str:
        """Return the words beside the picture of a widget: its alt text."""
        return self.cell(cell_id).locator(".jp-OutputArea img").first.get_attribute("alt")

    def press_slider(self, cell_id: str, name: str, key: str = "ArrowRight", *, times: int = 1) -> None:
        """Move the slider that is called `name` by the keyboard."""
        label = self.page.locator(".widget-label", has_text=re.compile(f"^{re.escape(name)}$"))
        handle = self.cell(cell_id).locator(".widget-inline-hbox", has=label).locator(".noUi-handle")
        handle.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def move(self, cell_id: str, name: str, key: str = "ArrowRight", *, times: int = 1) -> None:
        """Move a slider and wait until the words beside the picture follow.

        On a machine under heavy load a slider's first message was once lost, and the next one came through: so it is
        moved a second time, from one end to the other where it stands at an end.
        """
        before = self.says(cell_id)
        self.press_slider(cell_id, name, key, times=times)
        try:
            wait_until(lambda: self.says(cell_id) != before, f"{cell_id} follows {name}", seconds=15)
        except AssertionError:
            self.press_slider(cell_id, name, {"End": "Home", "Home": "End"}.get(key, key), times=times)
            wait_until(lambda: self.says(cell_id) != before, f"{cell_id} follows {name}")

    def click(self, text: str, cell_id: str | None = None) -> None:
        """Press a button by its text, in one cell or wherever it stands."""
        (self.cell(cell_id) if cell_id else self.page).get_by_role("button", name=text, exact=True).click()

    def wait_for(self, cell_id: str, pattern: str, *, seconds: float = 120) -> None:
        """Wait until the words of a cell's output match a pattern."""
        output = self.cell(cell_id).locator(".jp-OutputArea")
        wait_until(
            lambda: re.search(pattern, output.first.inner_text()), f"{cell_id} says {pattern!r}", seconds=seconds
        )

    def show_cell(self, cell_id: str) -> None:
        """Scroll to the output of a cell."""
        self.cell(cell_id).locator(".jp-OutputArea").first.scroll_into_view_if_needed()

    def screenshot(self, name: str) -> None:
        """Leave a picture of what the window shows."""
        self.page.screenshot(path=self.pictures / f"{self.name}-{name}.png")

    def screenshot_all(self) -> None:
        """Scroll from the top to the end and leave a picture of each part."""
        scroller = self.page.locator(".jp-WindowedPanel-outer")
        height, part = scroller.evaluate("panel => [panel.scrollHeight, panel.clientHeight]")
        for number, top in enumerate(range(0, height, part), start=1):
            scroller.evaluate("(panel, top) => panel.scrollTo(0, top)", top)
            self.page.wait_for_timeout(300)
            self.screenshot(f"part-{number:02}")

    def sessions(self) -> list[dict]:
        """What the server knows of running kernels."""
        return self.page.request.get(self.address.replace("/lab?", "/api/sessions?")).json()

    def shut_down(self) -> None:
        """End all kernels, so that the next test begins with new ones."""
        self.end_kernels()
        self.page.close()

    def end_kernels(self) -> None:
        for session in self.sessions():
            self.page.request.delete(self.address.replace("/lab?", f"/api/sessions/{session['id']}?"))
