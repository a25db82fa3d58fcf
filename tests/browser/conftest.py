"""A headless Chromium and a JupyterLab for the tests in this folder; without the first they are skipped."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but this machine is reached, and nothing of the browser's own is fetched.
CHROMIUM = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; RLHF_COURSE_BROWSER names another program than the one on the path.

    It ends with the module, since Playwright keeps an asyncio loop running that other tests must not find.
    """
    api = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need Playwright: pip install -c constraints.txt -e '.[test]'"
    )
    program = os.environ.get("RLHF_COURSE_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("the browser tests need Chromium, which is not installed (on Debian: apt install chromium)")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0  # where Chromium's sandbox does not work
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=[*CHROMIUM, "--no-sandbox"] if as_root else CHROMIUM
        )
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    """Where the screenshots go: the folder that RLHF_COURSE_SCREENSHOTS names, or a temporary one."""
    folder = Path(os.environ.get("RLHF_COURSE_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    """The folder of a site as `make site` writes it."""
    from course_lib.publish.site import build, write

    folder = tmp_path_factory.mktemp("site") / "site"
    write(build(), folder)
    return folder


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory):
    """A copy of the notebooks, so that no test changes those of the course."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    shutil.copytree(os.environ.get("RLHF_COURSE_NOTEBOOKS", ROOT / "notebooks"), folder)
    return folder


@pytest.fixture(scope="module")
def address(browser, notebooks, tmp_path_factory):
    from shared.lab import serve

    with serve(notebooks, tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    report = yield
    if report.when == "call" and report.failed and "lab" in item.fixturenames:
        item.funcargs["lab"].screenshot("failed")
    return report


@pytest.fixture
def lab(browser, address, notebooks, pictures):
    from shared.lab import HEIGHT, Lab

    lab = Lab(browser.new_page(viewport={"width": 1200, "height": HEIGHT}), address, notebooks, pictures)
    yield lab
    lab.shut_down()
    assert not lab.outside, "the notebook asked for something over the network"
