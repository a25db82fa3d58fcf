"""The slides in a browser: each fits the screen and asks for nothing, the speaker's window shows notes and clock."""

import re
from pathlib import Path

import pytest
from shared.notebooks import NOTEBOOKS

from course_lib.publish import slides

SCREEN = {"width": 1280, "height": 720}
# what sticks out of the slide that is shown, or lies under its header; formulas too; what goes on by keys may be below,
# a table that scrolls may go on, and a picture's own parts may lie beyond what it shows of them
STICKS_OUT = """() => {
  const slide = Reveal.getCurrentSlide(), content = slide.querySelector(".content");
  const top = slide.querySelector("header").getBoundingClientRect().bottom;
  const goesOn = slide.querySelector(".part");
  const found = [...content.querySelectorAll(":not(svg *, .table *)")].filter(element => {
    const box = element.getBoundingClientRect();
    const high = !goesOn && (box.top < top || box.bottom > innerHeight - 4);
    return box.width && (high || box.left < 0 || box.right > innerWidth);
  });
  return found.map(element => element.tagName + " " + element.textContent.slice(0, 40));
}"""
# the sizes of the code that is shown, as it appears
CODE_SIZES = """() => [...Reveal.getCurrentSlide().querySelectorAll(".highlight .line")].map(line => {
  let size = parseFloat(getComputedStyle(line).fontSize);
  for (let element = line; element; element = element.parentElement) size *= getComputedStyle(element).zoom;
  return size;
})"""
IS_AT_ITS_END = """() => {
  const content = Reveal.getCurrentSlide().querySelector(".content");
  return content.scrollTop + content.clientHeight >= content.scrollHeight - 1;
}"""
FROM_THE_BACK_ROW = 24  # pixels of 720
HAS_SOMETHING = """() => {
  const content = Reveal.getCurrentSlide().querySelector(".content");
  return content.innerText.trim() || content.querySelector("img");
}"""
IS_LAST = "() => Reveal.isLastSlide() && !Reveal.availableFragments().next"
SPEAKER = ".speaker-controls-notes .value"


class Deck:
    """A deck that is opened from its file, in a context of its own, and all that goes wrong in it."""

    def __init__(self, browser, file: Path):
        self.context = browser.new_context(viewport=SCREEN)
        self.wrong = []
        self.context.on("page", self.watch)
        self.page = self.context.new_page()
        self.page.goto(file.as_uri())
        self.page.wait_for_function("Reveal.isReady()")

    def watch(self, page) -> None:
        page.on("console", lambda message: message.type in ("error", "warning") and self.wrong.append(message.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on(
            "request", lambda request: re.match("file:|data:|about:", request.url) or self.wrong.append(request.url)
        )

    def speaker(self):
        """Open the speaker's window."""
        with self.context.expect_page() as opened:
            self.page.keyboard.press("s")
        return opened.value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("slides")


@pytest.fixture
def deck(browser, folder, request):
    slides.write(request.param, folder)
    opened = Deck(browser, folder / f"{request.param.stem}.html")
    opened.name = request.param.stem
    yield opened
    opened.context.close()


@pytest.mark.parametrize("deck", NOTEBOOKS, ids=lambda path: path.stem, indirect=True)
def test_each_slide_fits_the_screen_and_asks_for_nothing(deck, pictures):
    total = deck.page.evaluate("Reveal.getTotalSlides()")
    assert total > 1
    for number in range(1, total + 1):
        assert deck.page.evaluate(STICKS_OUT) == [], f"slide {number}"
        assert deck.page.evaluate(HAS_SOMETHING), f"slide {number} is empty"
        assert min(deck.page.evaluate(CODE_SIZES), default=99) >= FROM_THE_BACK_ROW, f"slide {number}"
        deck.page.screenshot(path=pictures / f"{deck.name}-slide-{number:02}.png")
        while deck.page.evaluate("Reveal.availableFragments().next"):
            deck.page.keyboard.press("ArrowRight")
        assert deck.page.evaluate(IS_AT_ITS_END), f"slide {number} has more than its keys show"
        deck.page.keyboard.press("ArrowRight")
    assert deck.page.evaluate(IS_LAST)
    assert deck.wrong == []


@pytest.mark.parametrize("deck", NOTEBOOKS[2:3], ids=lambda path: path.stem, indirect=True)
def test_the_speaker_sees_notes_clock_and_pacing_and_goes_on_from_there(deck, pictures):
    speaker = deck.speaker()
    speaker.set_viewport_size(SCREEN)
    speaker.wait_for_selector(".pacing", state="visible")
    deck.page.keyboard.press("ArrowRight")
    speaker.wait_for_function(
        "selector => /Planned: 0:00 to 1:00/.test(document.querySelector(selector).innerText)", arg=SPEAKER
    )
    notes = speaker.inner_text(SPEAKER)
    assert re.search(r"Say:\s+Do the step aloud", notes)
    assert re.search(r"When late:\s+Skip the code", notes)
    assert re.search(r"\d\d:\d\d:\d\d", speaker.inner_text(".timer"))
    speaker.wait_for_function("() => /ahead|on-track|behind/.test(document.querySelector('.pacing').className)")
    speaker.keyboard.press("ArrowRight")
    deck.page.wait_for_function("() => Reveal.getSlidePastCount() == 2")
    while not deck.page.locator(".slides > .present > .present .predict").count():
        deck.page.keyboard.press("ArrowRight")
    speaker.wait_for_function("selector => /Expect:/.test(document.querySelector(selector).innerText)", arg=SPEAKER)
    speaker.wait_for_timeout(1000)
    speaker.screenshot(path=pictures / f"{deck.name}-speaker.png")
    assert deck.wrong == []


@pytest.mark.parametrize("deck", NOTEBOOKS[1:2], ids=lambda path: path.stem, indirect=True)
def test_a_fold_opens_and_closes_on_its_slide_and_notes_are_not_seen(deck):
    fold = deck.page.locator(".slides > .present > .present details")
    while not fold.count():
        deck.page.keyboard.press("ArrowRight")
    at = deck.page.evaluate("Reveal.getSlidePastCount()")
    assert fold.locator("p").first.is_visible()
    fold.locator("summary").click()
    assert not fold.locator("p").first.is_visible()
    deck.page.keyboard.press("Enter")
    assert fold.locator("p").first.is_visible()
    assert deck.page.evaluate("Reveal.getSlidePastCount()") == at
    assert deck.page.locator("aside.notes:visible").count() == 0


@pytest.mark.parametrize("deck", NOTEBOOKS[1:2], ids=lambda path: path.stem, indirect=True)
def test_a_picture_that_shares_its_slide_is_read_from_afar(deck):
    deck.page.evaluate("Reveal.slide(Infinity, Infinity)")
    picture = deck.page.locator(".slides > .present > .present img")
    assert picture.bounding_box()["height"] > SCREEN["height"] * 0.45


@pytest.mark.parametrize("deck", NOTEBOOKS[3:4], ids=lambda path: path.stem, indirect=True)
def test_what_a_term_means_stays_on_the_slide(deck, pictures):
    for _ in range(5):
        deck.page.keyboard.press("ArrowRight")
    term = deck.page.locator(".slides > .present > .present .term").last
    term.click()
    place = term.evaluate("""term => {
      const { left, bottom, width, position } = getComputedStyle(term, "::after");
      return [position, parseFloat(left) + parseFloat(width), parseFloat(bottom)];
    }""")
    assert place[0] == "fixed"
    assert place[1] < SCREEN["width"]
    assert place[2] >= 0
    deck.page.screenshot(path=pictures / f"{deck.name}-term.png")
