"""Widgets on the pages and the slides: what their sliders show is what Python draws, in pictures and in words."""

import random
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect
from shared.flipbooks import DIFFERS, Widget, unlike
from shared.notebooks import NOTEBOOKS

from course_lib.classroom.widgets.find_the_bug import BEHIND, SIGNS, find_the_bug
from course_lib.publish import slides
from course_lib.publish.flipbooks import WIDGETS
from course_lib.publish.stored import read
from course_lib.training.experiments.recordings import load_recording

SETTINGS = 50
PICTURES = 10  # of the settings, where the pixels are compared too
ALIKE = 25  # of 255
MOST_MEGABYTES = 25
PAGES = {cell.id: path.stem for path in NOTEBOOKS for cell in read(path).cells if cell.id in WIDGETS}
SHOW = """book => {
  const { h, v } = Reveal.getIndices(book.closest("section"));
  Reveal.slide(h, v, 99);
}"""


@pytest.fixture(scope="module")
def decks(tmp_path_factory) -> Path:
    """The folder of all slides, as `make slides` writes them."""
    folder = tmp_path_factory.mktemp("slides")
    for path in NOTEBOOKS:
        slides.write(path, folder)
    return folder


class Window:
    """A window without a network on a file, in which nothing may go wrong."""

    def __init__(self, browser, file: Path, *, width: int = 1280, **options):
        self.page = browser.new_page(viewport={"width": width, "height": 900}, **options)
        self.page.context.set_offline(True)
        self.wrong = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.note(request.url))
        self.page.goto(file.as_uri())

    def note(self, url: str) -> None:
        if not url.startswith(("file:", "data:")):
            self.wrong.append(url)

    def book(self, cell_id: str):
        """The flipbook of a cell: on a page it stands in the cell's section, on a slide it is known by its names."""
        return self.page.locator(".flipbook").filter(has=self.page.locator(f"[id^='{cell_id}-DejaVu']"))

    def close(self) -> None:
        self.page.close()
        assert self.wrong == []


@pytest.fixture
def window(browser, site):
    opened = []

    def open_file(file: Path, **options) -> Window:
        opened.append(Window(browser, file, **options))
        return opened[-1]

    yield open_file
    for each in opened:
        each.close()


def compare(book, widget: Widget, *, pictures: bool) -> None:
    """Move the sliders to random stops, and hold what is shown against what Python draws and says there.

    Every shape and word is compared; the pixels, which browsers and matplotlib colour in their own ways, from afar.
    """
    sliders = book.locator("[type=range]")
    for number, setting in enumerate(widget.settings(SETTINGS)):
        parts = widget.set(setting)
        for place, stop in enumerate(setting.values()):
            sliders.nth(place).fill(str(stop))
        expect(book.locator("figcaption")).to_have_text(widget.demo.says)
        assert book.locator("figcaption").text_content() == widget.demo.says
        assert book.get_by_role("img").get_attribute("aria-label") == widget.demo.says
        words = [each.words[stop] for each, stop in zip(widget.sliders.values(), setting.values(), strict=True)]
        assert book.locator("output").all_text_contents() == words
        assert book.evaluate(DIFFERS, parts) == [], (widget.drawing.name, setting)
        if pictures and number < PICTURES:
            assert unlike(book.locator("svg").screenshot(), widget.demo.png) < ALIKE, setting


@pytest.mark.parametrize("cell_id", WIDGETS)
def test_on_the_page_a_widget_shows_what_python_draws(window, site, cell_id, pictures):
    page = window(site / f"{PAGES[cell_id]}.html")
    book = page.book(cell_id)
    compare(book, Widget(cell_id), pictures=True)
    book.screenshot(path=pictures / f"flipbook-{cell_id}.png")


def on_slides(decks: Path) -> list[str]:
    return [name for name in WIDGETS if f'id="{name}-DejaVu' in (decks / f"{PAGES[name]}.html").read_text("utf-8")]


def test_on_the_slides_widgets_show_what_python_draws(window, decks, pictures):
    assert len(on_slides(decks)) > 9
    for cell_id in on_slides(decks):
        deck = window(decks / f"{PAGES[cell_id]}.html")
        book = deck.book(cell_id)
        book.evaluate(SHOW)
        compare(book, Widget(cell_id), pictures=False)
        deck.page.screenshot(path=pictures / f"flipbook-slide-{cell_id}.png")
        deck.page.close()


def test_site_and_slides_are_small(site, decks):
    files = [path for folder in (site, decks) for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_MEGABYTES * 1e6


def test_pictures_that_differ_are_told_apart():
    widget = Widget("walk")
    first = widget.demo.png
    assert unlike(first, first) == 0
    widget.demo.controls["step"].value = widget.sliders["step"].values[-1]
    assert unlike(first, widget.demo.png) > ALIKE


def test_find_the_bug_says_what_python_says(window, site):
    book = window(site / f"{PAGES['find-the-bug']}.html").book("find-the-bug")
    demo, draw = find_the_bug(load_recording("bugs")), random.Random(0)
    for _ in range(SETTINGS):
        guesses = {label: draw.choice(["", *SIGNS, right]) for label, right in BEHIND.items()}
        for label, guess in guesses.items():
            demo.guesses[label].value = guess
            book.get_by_role("combobox", name=label, exact=True).select_option(
                SIGNS[guess].words if guess else "choose its mistake"
            )
        demo.check_button.click()
        book.get_by_role("button", name="Check").click()
        assert book.locator(".guesses p").all_text_contents() == demo.told


def test_a_recorded_run_is_played_and_paused(window, site):
    page = window(site / f"{PAGES['cockpit']}.html")
    book = page.book("cockpit")
    step, caption = book.get_by_role("slider", name="step"), book.locator("figcaption")
    book.get_by_role("button", name="Play").click()
    expect(caption).to_contain_text("Before the first step.")
    expect(caption).to_contain_text(re.compile(r"Step \d+ of 20"))
    book.get_by_role("button", name="Pause").click()
    rests_at = step.input_value()
    page.page.wait_for_timeout(700)
    assert step.input_value() == rests_at
    step.fill("19")
    book.get_by_role("button", name="Play").click()
    expect(caption).to_contain_text("Step 20 of 20")
    expect(book.get_by_role("button", name="Play")).to_be_visible()


def test_a_slider_is_moved_by_keyboard(window, site):
    page = window(site / f"{PAGES['ratings-demo']}.html")
    book, keys = page.book("ratings-demo"), page.page.keyboard
    caption = book.locator("figcaption")
    before = caption.text_content()
    book.get_by_role("slider", name="all agree").focus()
    keys.press("ArrowRight")
    expect(book.get_by_role("slider")).to_have_attribute("aria-valuetext", "22 of 41")
    expect(caption).not_to_have_text(before)
    keys.press("Home")
    expect(book.locator("output")).to_have_text("1 of 41")


@pytest.fixture
def on_a_slide(window, decks):
    """The deck, the flipbook of one of its slides, which is shown, and the number of that slide."""
    deck = window(decks / f"{PAGES['ratings-demo']}.html")
    book = deck.book("ratings-demo")
    book.evaluate(SHOW)
    return deck, book, deck.page.evaluate("Reveal.getSlidePastCount()")


def test_on_a_slide_the_arrow_keys_move_the_slider_until_escape(on_a_slide):
    deck, book, at = on_a_slide
    keys = deck.page.keyboard
    book.get_by_role("slider").focus()
    keys.press("ArrowRight")
    expect(book.locator("output")).to_have_text("22 of 41")
    assert deck.page.evaluate("Reveal.getSlidePastCount()") == at
    keys.press("Escape")
    assert not deck.page.evaluate("Reveal.isOverview()")
    keys.press("ArrowRight")
    assert deck.page.evaluate("Reveal.getSlidePastCount()") == at + 1


def test_on_a_slide_the_keys_of_a_remote_go_on_though_a_slider_was_moved(on_a_slide):
    deck, book, at = on_a_slide
    keys = deck.page.keyboard
    book.get_by_role("slider").click()
    moved = book.locator("output").text_content()
    keys.press("PageDown")
    assert deck.page.evaluate("Reveal.getSlidePastCount()") == at + 1
    assert book.locator("output").text_content() == moved


def test_on_slides_texts_under_a_widget_are_whole_or_fade_where_they_go_on(window, decks):
    below = "table => table.scrollHeight - table.clientHeight - table.scrollTop"
    walk = window(decks / f"{PAGES['walk']}.html").book("walk")
    walk.evaluate(SHOW)
    assert walk.locator("figure ~ .table").evaluate(below) == 0
    cockpit = window(decks / f"{PAGES['cockpit']}.html").book("cockpit")
    cockpit.evaluate(SHOW)
    texts = cockpit.locator("figure ~ .table")
    assert texts.evaluate(below) > 0
    expect(texts).to_have_class(re.compile("goes-on"))
    texts.evaluate("table => table.scrollTo(0, table.scrollHeight)")
    expect(texts).not_to_have_class(re.compile("goes-on"))


def test_the_cockpit_says_that_it_is_recorded(window, site):
    book = window(site / f"{PAGES['cockpit']}.html").book("cockpit")
    expect(book.locator(".note")).to_contain_text("Play shows a recorded run")


def test_on_a_phone_every_widget_fits(window, site, pictures):
    for name in sorted(set(PAGES.values())):
        phone = window(site / f"{name}.html", width=390, is_mobile=True, has_touch=True)
        for place, book in enumerate(phone.page.locator(".flipbook").all()):
            for slider in book.locator("[type=range]").all():
                assert slider.bounding_box()["width"] > 120
                for end in ("End", "Home"):
                    slider.press(end)
                    phone.page.wait_for_timeout(50)
                    assert phone.page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert book.locator("svg").bounding_box()["width"] <= 390
            book.screenshot(path=pictures / f"flipbook-phone-{name}-{place}.png")


def test_without_script_the_picture_stands_and_no_slider_is_seen(window, site):
    plain = window(site / f"{PAGES['clip-demo']}.html", java_script_enabled=False)
    book = plain.book("clip-demo")
    expect(book.locator("figcaption")).to_contain_text("Advantage −1.0, ratio 1.40")
    expect(book.locator("svg")).to_be_visible()
    expect(book.locator("[type=range]").first).to_be_hidden()
