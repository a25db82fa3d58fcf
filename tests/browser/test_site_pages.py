"""The site as a reader opens it from a folder, in a wide window and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from course_lib.classroom.glossary import terms

WINDOWS = {"wide": {"viewport": {"width": 1200, "height": 1000}}}
WINDOWS["phone"] = {"viewport": {"width": 375, "height": 800}, "is_mobile": True, "has_touch": True}
PART = 3000  # pixels of a page in one screenshot


class Reader:
    """One window on the site, in which nothing may go wrong and nothing may be asked for outside its folder."""

    def __init__(self, browser, site: Path, pictures: Path, window: str, **options):
        self.site, self.pictures, self.window = site, pictures, window
        self.page = browser.new_page(**WINDOWS[window], **options)
        self.wrong = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda request: self.note(request.url))

    def note(self, url: str) -> None:
        if not url.startswith((self.site.as_uri(), "data:image/png")):
            self.wrong.append(url)

    def open(self, name: str) -> None:
        self.name = name
        self.page.goto(f"{self.site.as_uri()}/{name}")

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def screenshot_all(self) -> None:
        """Leave pictures of the whole page, from the top to the end."""
        size = self.page.viewport_size
        self.page.set_viewport_size({"width": size["width"], "height": PART})
        height = self.page.evaluate("document.documentElement.scrollHeight")
        for number, top in enumerate(range(0, height, PART), start=1):
            self.page.evaluate("top => scrollTo(0, top)", top)
            name = f"site-{self.name.replace('/', '-')}-{self.window}-{number:02}.png"
            self.page.screenshot(path=self.pictures / name)
        self.page.set_viewport_size(size)


@pytest.fixture(params=WINDOWS)
def reader(request, browser, site, pictures):
    reader = Reader(browser, site, pictures, request.param)
    yield reader
    reader.page.close()
    assert reader.wrong == []


@pytest.fixture
def wide(browser, site, pictures):
    reader = Reader(browser, site, pictures, "wide")
    yield reader
    reader.page.close()
    assert reader.wrong == []


def test_every_page_opens_and_fits_its_window(reader):
    for path in sorted(reader.site.rglob("*.html")):
        reader.open(path.relative_to(reader.site).as_posix())
        assert reader.page.title()
        assert reader.overflow() <= 0, path.name
        for fold in reader.page.locator("main details").all():
            fold.evaluate("fold => { fold.open = true; }")
        assert reader.overflow() <= 0, f"{path.name}, unfolded"
        reader.screenshot_all()


@pytest.mark.parametrize("width", [1024, 1100])
def test_pages_fit_windows_that_just_have_room_for_the_contents(wide, width):
    wide.page.set_viewport_size({"width": width, "height": 768})
    for path in sorted(wide.site.glob("*.html")):
        wide.open(path.name)
        assert wide.overflow() <= 0, path.name


def test_every_picture_is_drawn(wide):
    for path in sorted(wide.site.glob("*.html")):
        wide.open(path.name)
        sizes = wide.page.eval_on_selector_all("img", "pictures => pictures.map(picture => picture.naturalWidth)")
        assert sizes or path.name.endswith(".md.html"), path.name
        assert min(sizes, default=101) > 100, path.name


def test_the_contents_lead_through_the_notebooks(reader):
    reader.open("index.html")
    cards = reader.page.locator(".cards a").count()
    reader.page.locator(".cards a").first.click()
    for _ in range(cards - 1):
        reader.page.locator("a[rel=next]").click()
    assert reader.page.locator("a[rel=next]").count() == 0
    reader.page.get_by_role("link", name="All notebooks").click()
    expect(reader.page.locator(".cards a")).to_have_count(cards)


def test_the_sections_are_listed_in_a_fold_on_the_phone(reader):
    reader.open("02_clipped_ppo.html")
    link = reader.page.locator(".toc a").nth(2)
    if reader.window == "phone":
        expect(link).to_be_hidden()
        reader.page.locator(".toc summary").tap()
    link.click()
    expect(reader.page.locator(link.get_attribute("href"))).to_be_in_viewport()
    expect(link).to_have_attribute("aria-current", "true")
    if reader.window == "phone":
        expect(link).to_be_hidden()
    reader.page.screenshot(path=reader.pictures / f"site-section-{reader.window}.png")


def test_the_last_sections_are_marked_though_they_cannot_come_up(wide):
    wide.open("06_verifiable_rewards.html")
    before, last = wide.page.locator(".toc a").nth(-2), wide.page.locator(".toc a").last
    for link in (last, before, last):
        link.click()
        expect(link).to_have_attribute("aria-current", "true")
        expect(wide.page.locator(".toc [aria-current=true]")).to_have_count(1)
    wide.open("06_verifiable_rewards.html")
    wide.page.evaluate("scrollTo(0, 1e6)")
    expect(last).to_have_attribute("aria-current", "true")


def test_in_a_wide_window_code_of_a_hundred_characters_is_not_cut(wide):
    wide.page.set_viewport_size({"width": 1280, "height": 800})
    wide.open("06_verifiable_rewards.html")
    cut = """blocks => blocks.filter(block => block.scrollWidth > block.clientWidth).map(block =>
      Math.max(...block.textContent.split("\\n").map(line => line.length)))"""
    assert min(wide.page.eval_on_selector_all("main > .code > .highlight pre", cut), default=101) > 100


def test_a_prediction_answers_a_click(reader):
    reader.open("01_reward_modeling.html")
    box = reader.page.locator("#people-predict .predict")
    answer = reader.page.locator("#people-seen p").first
    expect(answer).to_be_hidden()
    box.get_by_role("button", name="(a)").click()
    expect(box.get_by_role("status")).to_contain_text("No, not (a) but (c).")
    expect(box.locator(".wrong")).to_contain_text("about 1 time in 20")
    expect(answer).to_be_visible()
    reader.page.screenshot(path=reader.pictures / f"site-wrong-{reader.window}.png")
    box.get_by_role("button", name="(c)").click()
    expect(box.get_by_role("status")).to_contain_text("Yes, (c).")
    expect(box.locator(".wrong")).to_have_count(0)
    box.get_by_role("link").click()
    expect(answer).to_be_in_viewport()


def test_a_prediction_and_its_answer_are_reached_by_keyboard(wide):
    wide.open("01_reward_modeling.html")
    box, keys = wide.page.locator("#people-predict .predict"), wide.page.keyboard
    box.get_by_role("button").first.focus()
    keys.press("Tab")
    keys.press("Space")
    expect(box.get_by_role("status")).to_contain_text("No, not (b) but (c).")
    expect(box.get_by_role("button", name="(b)")).to_have_attribute("aria-pressed", "true")
    keys.press("Tab")
    keys.press("Enter")
    expect(box.get_by_role("status")).to_contain_text("Yes, (c).")
    keys.press("Tab")
    keys.press("Enter")
    expect(wide.page.locator("#people-seen p").first).to_be_in_viewport()


def test_folds_open_by_click_and_by_keyboard(reader):
    reader.open("03_rlhf_pipeline.html")
    right, wrong = reader.page.locator("#quiz-1 .yes"), reader.page.locator("#quiz-1 .no").first
    wrong.locator("summary").click()
    expect(wrong.locator("p")).to_contain_text("No: pairs say only")
    right.locator("summary").focus()
    reader.page.keyboard.press("Enter")
    expect(right.locator("p")).to_contain_text("Yes: Bradley-Terry")
    reader.page.screenshot(path=reader.pictures / f"site-quiz-{reader.window}.png")


def test_on_the_phone_a_picture_can_be_enlarged_and_the_page_keeps_its_width(browser, site, pictures):
    phone = Reader(browser, site, pictures, "phone")
    phone.open("02_clipped_ppo.html")
    figure = phone.page.locator("#clip-demo figure")
    picture = figure.locator("svg")
    assert picture.bounding_box()["width"] < 375
    figure.get_by_role("button", name="Enlarge").tap()
    assert picture.bounding_box()["width"] > 600
    assert phone.overflow() <= 0
    figure.get_by_role("button", name="Fit").tap()
    assert picture.bounding_box()["width"] < 375
    phone.page.close()
    assert phone.wrong == []


def test_formulas_are_drawn_as_formulas(wide):
    wide.open("02_clipped_ppo.html")
    fraction = wide.page.locator("#ratio-idea mfrac").first
    above, below = (fraction.locator("> *").nth(place).bounding_box() for place in (0, 1))
    assert above["y"] + above["height"] <= below["y"] + 1


def test_without_script_everything_can_be_read(browser, site, pictures):
    plain = Reader(browser, site, pictures, "wide", java_script_enabled=False)
    plain.open("01_reward_modeling.html")
    expect(plain.page.locator("#people-predict .predict")).to_contain_text("nearly every second time")
    plain.page.locator("#people-seen summary").click()
    expect(plain.page.locator("#people-seen p").first).to_be_visible()
    plain.page.locator(".toc summary").click()
    expect(plain.page.locator(".toc a").first).to_be_visible()
    plain.page.close()


def test_the_dark_page_is_dark(browser, site, pictures):
    dark = Reader(browser, site, pictures, "wide", color_scheme="dark")
    dark.open("00_welcome.html")
    assert dark.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    dark.page.screenshot(path=pictures / "site-dark.png")
    dark.page.close()
    assert dark.wrong == []


def test_a_term_shows_what_it_means_where_the_keyboard_is_and_leads_to_the_glossary(reader):
    reader.open("04_overoptimization.html")
    term = reader.page.locator("a.term", has_text="reward model").first
    term.focus()
    shown = term.evaluate("element => getComputedStyle(element, '::after').content")
    assert shown == f'"{terms()["reward model"]}"'
    assert reader.overflow() <= 0
    reader.page.screenshot(path=reader.pictures / f"site-term-{reader.window}.png")
    term.press("Enter")
    expect(reader.page.locator("#glossary")).to_be_in_viewport()


def test_what_a_term_means_stays_in_the_window(reader):
    for name in ("01_reward_modeling.html", "03_rlhf_pipeline.html"):
        reader.open(name)
        for term in reader.page.locator("a.term:visible").all():
            term.focus()
            assert reader.overflow() <= 0, f"{name}: {term.text_content()}"


def test_a_term_that_is_touched_shows_what_it_means_before_it_leads_away(browser, site, pictures):
    phone = Reader(browser, site, pictures, "phone")
    phone.open("03_rlhf_pipeline.html")
    term = phone.page.locator("a.term", has_text="policy").first
    term.tap()
    expect(term).to_be_focused()
    assert phone.page.url.endswith("03_rlhf_pipeline.html")
    term.tap()
    expect(phone.page.locator("#glossary")).to_be_in_viewport()
    phone.page.close()
    assert phone.wrong == []


def test_on_the_phone_a_printed_table_keeps_its_columns_and_sentences_wrap(browser, site, pictures):
    phone = Reader(browser, site, pictures, "phone")
    phone.open("03_rlhf_pipeline.html")
    expect(phone.page.locator("#nats-demo pre").last).to_have_css("white-space", "pre")
    expect(phone.page.locator("#gpt2-run .output pre").first).to_have_css("white-space", "pre-wrap")
    phone.page.close()
    assert phone.wrong == []
