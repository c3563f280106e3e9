"""`python -m xstilts.report` on a study's folder, and its page in a real browser (Chromium, where there is one)."""

import base64
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests import required
from xstilts import report
from xstilts.paths import report_dir, report_page, results_dir
from xstilts.reporting.analysis import analyse
from xstilts.reporting.extras import extras
from xstilts.reporting.groups import ALL, OTHERS, SOURCE
from xstilts.reporting.views.folder import write_folder
from xstilts.reporting.views.html.page import write_page

ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EVIL_TARGET = "<img src=x onerror=alert(3)>"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
CHOICES, TARGETS, SEEDS, LANGUAGES = 4, 3, 3, 12
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 667}
PAPER = {"width": 960, "height": 700}
"""Letter, landscape, within its margins, at 96 pixels per inch."""
WCAG = {"runOnly": {"type": "tag", "values": "wcag2a wcag2aa wcag21a wcag21aa wcag22aa".split()}, "resultTypes": ["violations"]}
CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, place) => sum + v * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = channels(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *:not(script)")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.namespaceURI.includes("svg")) continue;
    const [one, other] = [light(channels(getComputedStyle(element).color)), light(behind(element))].sort((a, b) => b - a);
    const name = `${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`;
    if ((one + 0.05) / (other + 0.05) < 4.5) poor.push(name);
  }
  return poor;
}"""


def simulated() -> Any:
    """tests/reporting/simulated.py."""
    path = Path(__file__).parents[1] / "reporting" / "simulated.py"
    spec = importlib.util.spec_from_file_location("simulated", path)
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def write_whole_page(folder: Path, path: Path) -> None:
    """Write the page of the study in a folder, with its optional parts."""
    analysis = analyse(folder)
    write_page(analysis, path, extras(analysis))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a small study; one of its cells is degenerate."""
    folder = tmp_path_factory.mktemp("study")
    simulated().write_simulated(folder, CHOICES, TARGETS, SEEDS, LANGUAGES, effect=12)
    return folder


@pytest.fixture(scope="module")
def page_file(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = report_page(tmp_path_factory.mktemp("page"))
    write_whole_page(study, path)
    return path


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 9 choices and the baseline, 9 targets, 5 seeds and 40 languages, each with two scores on two splits."""
    folder = tmp_path_factory.mktemp("large")
    assert len(simulated().write_simulated(folder)) == 10 * 9 * 5
    write_whole_page(folder, report_page(folder))
    return report_page(folder)


@pytest.fixture(scope="module")
def evil_file(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study whose name, and one of whose languages, would be a program."""
    folder = tmp_path_factory.mktemp("evil")
    shutil.copytree(results_dir(study), results_dir(folder))
    for path in results_dir(folder).iterdir():
        result = json.loads(path.read_text(encoding="utf-8"))
        result["cell"]["study"] = EVIL
        for row in result["rows"]:
            row["language"] = EVIL if row["language"] == "af" else row["language"]
        result["degenerate"] = [EVIL] if result["degenerate"] else []
        path.write_text(json.dumps(result), encoding="utf-8")
    write_whole_page(folder, report_page(folder))
    return report_page(folder)


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a study of sizes in a synthetic world, whose target would be an image, were it not text."""
    folder = tmp_path_factory.mktemp("sized")
    simulated().write_sized(folder)
    found = analyse(folder)
    frames = {name: getattr(found, name).assign(target=EVIL_TARGET) for name in ("scores", "effects")}
    found = replace(found, **frames)
    more, page = extras(found), report_page(report_dir(folder))
    write_page(found, page, more)
    write_folder(found, report_dir(folder), more)
    return page


@pytest.fixture(scope="module")
def real_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study of a real target, on a machine without URIEL+."""
    folder = tmp_path_factory.mktemp("real")
    simulated().write_simulated(folder, 2, 1, 2, LANGUAGES, metrics=("accuracy",), named=("xnli",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "urielplus", None)
        write_whole_page(folder, report_page(folder))
    return report_page(folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = shutil.which("chromium")
    if executable is None:
        required.missing("no chromium on the PATH: apt-get install chromium", required.BROWSER)
    if importlib.util.find_spec("playwright") is None:
        required.missing("no playwright: `make test` installs it", required.BROWSER)
    playwright = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def axe() -> Any:
    """Finds violations of rules of accessibility in an open page."""
    if importlib.util.find_spec("axe_playwright_python") is None:
        required.missing("no axe-playwright-python: `make test` installs it", required.BROWSER)
    return importlib.import_module("axe_playwright_python.sync_playwright").Axe()


@dataclass
class Opened:
    """A page in the browser, and what it complained of or asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Opened]]:
    """Opens a file, and at the end asserts that nothing was complained of, asked for, or popped up."""
    every: list[Opened] = []

    def open_file(path: Path, **given: Any) -> Opened:
        context = browser.new_context(**{"viewport": DESKTOP} | given)
        page = context.new_page()
        one = Opened(page)
        page.on("console", lambda said: one.complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: one.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (one.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: one.requests.append(request.url))
        page.goto(path.as_uri())
        every.append(one)
        return one

    yield open_file
    for one in every:
        one.page.context.close()
        assert not one.complaints
        assert [url for url in one.requests if not url.startswith("data:")] == one.requests[:1], "nothing but the page itself"


def texts(page: Any, selector: str) -> list[str]:
    return [text.strip() for text in page.locator(selector).all_text_contents()]


def numbers(page: Any, selector: str) -> list[float]:
    return [float(text.split()[0].replace("−", "-")) for text in texts(page, selector)]


def overflow(page: Any) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_the_heat_map_is_sorted_by_a_column(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file).page
    assert page.locator(".heat tbody tr").count() == CHOICES
    head = page.locator(".heat thead tr:first-child th").nth(2)
    head.locator("button").click()
    up = numbers(page, ".heat tbody td:nth-child(3)")
    assert head.get_attribute("aria-sort") == "ascending" and up == sorted(up) and len(set(up)) > 1
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert numbers(page, ".heat tbody td:nth-child(3)") == up[::-1]
    assert page.locator(".heat thead tr.baseline").count() == 1, "the baseline stays where it is"
    names = page.locator("#averages thead th").nth(0)
    names.locator("button").click()
    names = [name for name in ("none", "task1", "task2", "task3", "task4") for _ in ("test", "validation")]
    assert texts(page, "#averages tbody th") == names


def test_tables_are_filtered(opened: Callable[..., Opened], page_file: Path, study: Path) -> None:
    page = opened(page_file).page
    many = CHOICES * TARGETS * SEEDS * LANGUAGES * 4 + TARGETS * SEEDS * LANGUAGES * 4
    assert texts(page, "#scores output") == [f"{many} of {many}"]
    assert page.locator("#scores tbody tr").count() == 100
    page.get_by_role("button", name=f"Show 100 more of {many - 100}").click()
    assert page.locator("#scores tbody tr").count() == 200
    page.locator("#scores input").fill("TARGET2 task3 test exact_match bn")
    assert texts(page, "#scores output") == [f"{SEEDS} of {many}"]
    assert page.locator("#scores tbody tr").count() == SEEDS and page.locator("#scores .big > button").is_hidden()
    page.get_by_role("columnheader", name="value").get_by_role("button").click()
    place = texts(page, "#scores thead th").index("value")
    shown = numbers(page, f"#scores tbody tr > :nth-child({place + 1})")
    assert shown == sorted(shown)
    page.locator("#scores input").fill("no such thing")
    assert texts(page, "#scores output") == [f"0 of {many}"] and page.locator("#scores tbody tr").count() == 0
    first = page.locator("#groups details").first
    first.locator("summary").click()
    first.locator("input").first.fill("script")
    assert (
        0
        < first.locator("table").first.locator("tbody tr:visible").count()
        < first.locator("table").first.locator("tr").count() - 1
    )


def test_another_group_of_languages_is_shown(opened: Callable[..., Opened], page_file: Path, study: Path) -> None:
    effects = analyse(study).effects
    page = opened(page_file).page
    first, tips = (
        texts(page, ".heat tbody td"),
        page.locator(".heat tbody a").evaluate_all("links => links.map(a => a.dataset.tip)"),
    )
    without = opened(page_file, java_script_enabled=False).page
    assert first == texts(without, ".heat tbody td"), "the program shows what the file does"
    assert tips == [link.get_attribute("title") for link in without.locator(".heat tbody a").all()]
    assert page.locator("#group").input_value() == OTHERS
    for group in (SOURCE, "bn", "Latin"):
        page.locator("#group").select_option(group)
        told = effects[effects["group"] == group].set_index(["intermediate", "target"])["difference"]
        for place, target in enumerate(texts(page, ".heat thead tr:first-child th")[1:], start=2):
            shown = numbers(page, f".heat tbody td:nth-child({place})")
            wanted = [told[choice, target.split()[0]] for choice in texts(page, ".heat tbody th")]
            assert shown == pytest.approx(wanted, abs=0.051)
        assert texts(page, ".heat caption .group") == [group]
    page.locator("#group").select_option(OTHERS)
    assert texts(page, ".heat tbody td") == first


def test_a_cell_opens_by_mouse_and_by_key(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file).page
    link, panel, tip = page.locator(".heat tbody a").nth(1), page.locator("#panel"), page.locator("#tip")
    link.hover()
    assert tip.is_visible() and "other languages" in tip.inner_text() and "corrected" in tip.inner_text()
    link.click()
    assert panel.is_visible() and tip.is_hidden()
    assert texts(page, "#panel h2") == ["task1 → target2"]
    assert panel.locator("circle.dot").count() == LANGUAGES and panel.locator("line.reach").count() == LANGUAGES
    assert panel.locator("circle.seed").count() == LANGUAGES * SEEDS
    assert panel.locator("table").first.locator("tbody tr").count() == LANGUAGES
    assert set(texts(page, "#panel caption")) == set(texts(page, "#rows caption")) == {"95 % intervals"}
    assert {ALL, SOURCE, OTHERS} <= set(texts(page, "#panel .box:last-child tbody th"))
    panel.locator("thead button").nth(1).click()
    shown = numbers(page, "#panel .box:nth-of-type(1) tbody td:nth-child(2)")
    assert shown == sorted(shown)
    page.keyboard.press("Escape")
    assert panel.is_hidden()
    link.press("Enter")
    assert panel.is_visible()
    page.keyboard.press("Escape")
    assert panel.is_hidden() and link.evaluate("link => link === document.activeElement")
    assert tip.is_visible(), "what has the focus says what it is"
    link.click()
    panel.get_by_role("button", name="Close").click()
    assert panel.is_hidden()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_phone_scrolls_no_page_sideways(javascript: bool, opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file, viewport=PHONE, java_script_enabled=javascript, has_touch=True, device_scale_factor=2).page
    boxes = page.locator(".heat").locator("..")
    assert boxes.first.evaluate("box => box.scrollWidth > box.clientWidth"), "a wide table scrolls in its box"
    assert not overflow(page)
    page.locator("#groups summary").first.click()
    assert not overflow(page)
    if javascript:
        page.locator(".heat tbody a").first.tap()
        panel = page.locator("#panel")
        assert panel.is_visible() and not overflow(page)
        assert panel.evaluate(
            "panel => panel.scrollWidth <= panel.clientWidth && panel.getBoundingClientRect().right <= innerWidth"
        )
        assert panel.locator("svg").bounding_box()["width"] <= PHONE["width"]


def test_without_javascript_the_page_can_be_read(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file, java_script_enabled=False).page
    assert page.locator(".heat").is_visible() and page.locator(".heat tbody td:visible").count() == CHOICES * TARGETS
    assert all(re.match(r"[+−]?\d+\.\d \[", text) for text in texts(page, ".heat tbody td"))
    assert page.locator("button").count() == page.locator("input").count() == page.locator("select").count() == 0
    assert "needs JavaScript; its rows are also in data/scores.csv" in page.locator("#scores").inner_text()
    assert (
        page.locator("#averages tbody tr:visible").count() == 2 * (CHOICES + 1)
        and page.locator("#problems tbody tr").count() == 1
    )
    page.locator(".heat tbody a").first.click()
    assert page.locator("#target0").is_visible(), "a cell leads to the tables of its target"
    assert {ALL, "Latin", "bn"} <= set(texts(page, "#target0 tbody th"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_told_from_what_is_behind_it(scheme: str, opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file, color_scheme=scheme).page
    page.locator("#groups summary").first.click()
    colours = set(page.locator("td[class]").evaluate_all("cells => cells.map(cell => cell.className)"))
    assert {"up5", "down5"} <= colours
    page.locator(".heat tbody").evaluate(
        "body => { const cells = body.querySelectorAll('td'); 'down1 down2 down3 down4 zero up1 up2 up3 up4'.split(' ')"
        ".forEach((name, place) => { cells[place].className = name; }); }"
    )
    assert page.evaluate(CONTRAST) == []
    page.locator(".heat tbody a").first.click()
    assert page.evaluate(CONTRAST) == []


@pytest.mark.long
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_of_wcag(
    scheme: str, viewport: dict[str, int], opened: Callable[..., Opened], page_file: Path, axe: Any
) -> None:
    page = opened(page_file, color_scheme=scheme, viewport=viewport).page

    def violations(**given: Any) -> list[tuple[str, str]]:
        found = axe.run(page, options=WCAG, **given).response["violations"]
        return [(one["id"], node["html"][:100]) for one in found for node in one["nodes"]]

    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert violations() == []
    page.locator(".heat tbody a").first.click()
    assert violations(context="#panel") == []
    page.keyboard.press("Escape")
    page.locator("#group").evaluate("select => select.parentElement.replaceWith(select)")
    assert [name for name, _ in violations(context="#choose-group")] == ["select-name"], "axe does find what is wrong"


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_control_is_reached_by_tab_and_is_seen_to_have_the_focus(
    viewport: dict[str, int], opened: Callable[..., Opened], real_file: Path
) -> None:
    page = opened(real_file, viewport=viewport).page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    controls = page.evaluate("""() => {
      const every = document.querySelectorAll("a[href], button, input, select, summary, .box");
      return [...every].filter((one) => one.checkVisibility()).map((one, place) => { one.dataset.place = place; return place; });
    }""")
    reached = set()
    for _ in range(len(controls) + 2):
        page.keyboard.press("Tab")
        place, outline = page.evaluate(
            "() => { const one = document.activeElement, style = getComputedStyle(one);"
            " return [one.dataset.place, style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth)]; }"
        )
        if place is not None:
            reached.add(int(place))
            assert outline >= 2, f"control {place} does not show that it has the focus"
    assert len(controls) > 30 and reached == set(controls)
    wide = page.locator(".box").evaluate_all("boxes => boxes.findIndex(box => box.scrollWidth > box.clientWidth + 20)")
    if viewport == PHONE:
        box = page.locator(".box").nth(wide)
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("box => box.scrollLeft > 0", arg=box.element_handle())


def test_the_first_screen_has_the_question_the_answer_and_the_heat_map(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file).page
    for shown in ("h1", "#answer h2", "#answer p", ".heat thead", ".heat tbody tr:first-child"):
        box = page.locator(shown).first.bounding_box()
        assert box["y"] + box["height"] <= DESKTOP["height"], shown


def test_families_are_a_picture_with_its_numbers_as_text_and_as_a_table(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file).page
    images = page.locator("#families img")
    assert images.count() == TARGETS and images.first.is_visible() and images.last.is_hidden(), "one target, others to unfold"
    assert images.first.evaluate("image => image.decode().then(() => image.naturalWidth === image.width)")
    assert "Germanic: af, de: from " in images.first.get_attribute("alt")
    page.locator("#families summary").last.click()
    assert "Germanic" in texts(page, "#families tbody tr:visible td:nth-child(2)")


def test_names_stay_text(opened: Callable[..., Opened], evil_file: Path) -> None:
    page = opened(evil_file).page
    assert page.locator("h1").text_content() == EVIL and page.title().startswith(EVIL)
    foreign = page.locator("img:not([src^='data:image/svg+xml'])")
    assert foreign.count() == 0 and page.locator("script").count() == 2
    assert EVIL in texts(page, "#problems td")
    page.locator("#group").select_option(EVIL)
    assert texts(page, ".heat caption .group") == [EVIL]
    page.locator(".heat tbody a").first.click()
    assert EVIL in texts(page, "#panel tbody th") and EVIL in texts(page, "#panel svg text")
    assert foreign.count() == 0 and page.locator("script").count() == 2


@pytest.mark.parametrize("javascript", [True, False])
def test_curves_and_distances_are_the_pictures_that_were_written(
    javascript: bool, opened: Callable[..., Opened], sized: Path
) -> None:
    page = opened(sized, java_script_enabled=javascript).page
    images = page.locator("#sizes img, #distances img")
    assert images.count() == page.locator("img").count() == 3
    written = [sized.parent / "figures" / f"{name}.svg" for name in names_of_pictures(sized)]
    assert [base64.b64decode(one.get_attribute("src").split(",")[1]) for one in images.all()] == [
        one.read_bytes() for one in written
    ]
    for one in images.all():
        one.scroll_into_view_if_needed()
        assert one.is_visible() and len(one.get_attribute("alt")) > 50
        if javascript:
            assert one.evaluate("image => image.decode().then(() => image.naturalWidth === image.width)"), "it is drawn"
    assert all(EVIL_TARGET in text for text in texts(page, "figcaption"))
    assert page.locator("#sizes tbody tr:visible").count() == 9, "three groups and six languages"
    assert page.locator("#distances tbody tr:visible").count() == 2, "structure and script do not differ: words only"
    assert page.locator("#published").count() == 0


def names_of_pictures(page: Path) -> list[str]:
    """Return the names of the figures on the page, in order, by the index of the files."""
    index = (page.parent / "README.md").read_text(encoding="utf-8")
    return re.findall(r"`figures/((?:scaling|typology)[^`]*)`", index)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_fit_a_phone_and_both_schemes(scheme: str, opened: Callable[..., Opened], sized: Path) -> None:
    page = opened(sized, viewport=PHONE, color_scheme=scheme, device_scale_factor=2).page
    assert not overflow(page)
    assert page.evaluate(CONTRAST) == []
    inverted = page.locator("#sizes img").first.evaluate("image => getComputedStyle(image).filter") != "none"
    assert inverted == (scheme == "dark")
    page.emulate_media(media="print")
    assert page.locator("#sizes img").first.bounding_box()["width"] <= PHONE["width"], "on paper nothing can be scrolled"


def test_published_scores_stand_beside_ones_own_and_what_is_left_out_is_told(
    opened: Callable[..., Opened], real_file: Path
) -> None:
    page = opened(real_file).page
    assert "pip install 'xstilts[typology]'" in page.locator("#distances .note").inner_text()
    assert page.locator("#distances table").count() == page.locator("#distances img").count() == 0
    models = texts(page, "#published tbody td:nth-child(2)")
    assert models[0] == "none" and "X-STILTs †" in models and "task1" in models
    assert "arXiv 2010.12821" in page.locator("#published tbody").inner_text()
    assert {
        text.removeprefix("#") for text in page.locator("nav a").evaluate_all("a => a.map(one => one.getAttribute('href'))")
    } == set(page.locator("section").evaluate_all("every => every.map(one => one.id)"))


def test_on_paper_everything_is_open(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file).page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#target0").is_visible() and page.locator("input:visible").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#target0").is_hidden()


def test_paper_is_white_and_cuts_no_table(opened: Callable[..., Opened], page_file: Path) -> None:
    page = opened(page_file, color_scheme="dark", viewport=PAPER).page
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#families img").first.evaluate("image => getComputedStyle(image).filter") == "none"
    cut = page.locator("table:visible, img:visible").evaluate_all(
        "every => every.filter(one => one.getBoundingClientRect().right > innerWidth).map(one => one.innerText || one.alt)"
    )
    assert cut == []
    assert page.pdf(prefer_css_page_size=True, print_background=True).startswith(b"%PDF")


@pytest.mark.long
def test_a_large_study_makes_a_page_of_less_than_5_mb(large_file: Path) -> None:
    assert large_file.stat().st_size < 5_000_000


@pytest.mark.long
def test_a_large_study_can_be_looked_through(opened: Callable[..., Opened], large_file: Path) -> None:
    page = opened(large_file).page
    rows = 10 * 9 * 5 * 40 * 4
    assert texts(page, "#scores output") == [f"{rows} of {rows}"] and page.locator("#scores tbody tr").count() == 100
    page.locator("#scores input").fill("target9 task9 sw test f1")
    assert texts(page, "#scores output") == [f"5 of {rows}"]
    page.locator("#group").select_option("sw")
    assert all(re.match(r"[+−]?\d+\.\d \[", text) for text in texts(page, ".heat tbody td"))
    page.locator(".heat tbody a").last.click()
    assert page.locator("#panel circle.dot").count() == 40 and page.locator("#panel circle.seed").count() == 40 * 5


def test_the_command_writes_everything_and_says_what(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "study")
    command = [sys.executable, "-m", "xstilts.report", "study"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    written = [tmp_path / line for line in done.stdout.splitlines()]
    assert written[0] == report_page(report_dir(tmp_path / "study")) and all(path.is_file() for path in written)
    assert {".html", ".csv", ".md", ".tex", ".svg", ".png"} <= {path.suffix for path in written}
    assert {path for path in report_dir(tmp_path / "study").rglob("*") if path.is_file()} == set(written)
    report.main([str(tmp_path / "study"), "--out", str(tmp_path / "made" / "here")])
    assert (tmp_path / "made" / "here" / "report.html").read_bytes() == written[0].read_bytes(), "the same results, the same page"


def test_two_studies_are_compared(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    simulated().write_simulated(tmp_path, CHOICES, TARGETS, SEEDS, LANGUAGES, effect=6, name="other")
    report.main(["--compare", str(study), str(tmp_path)])
    shown = capsys.readouterr().out
    assert "| --- |" in shown and "target2" in shown and shown.endswith("\n")


def test_a_folder_that_cannot_be_written_is_told(study: Path, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(SystemExit, match="^2$"):
        report.main([str(study), "--out", str(tmp_path / "file")])
    assert "name a folder that can be written to with --out" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "here"


@pytest.fixture(scope="module")
def predicted_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a study with predictions, whose texts would be a program."""
    folder = tmp_path_factory.mktemp("predicted")
    simulated().write_predicted(folder, text=EVIL)
    write_whole_page(folder, report_page(folder))
    return report_page(folder)


def test_examples_are_shown_side_by_side_searched_and_reached_from_a_cell(
    opened: Callable[..., Opened], predicted_file: Path
) -> None:
    page = opened(predicted_file).page
    boxes = page.locator("#examples .box")
    assert boxes.count() == 10 and texts(page, "#examples .box:first-child tbody th") == ["en", "de", "sw"]
    assert texts(page, "#examples .box:first-child thead th") == ["language", "text", "gold", "none", "mnli"]
    assert EVIL in boxes.first.locator("td").first.text_content()
    gains = [float(text.split(": right in ")[1].split(" more")[0]) for text in texts(page, "#examples caption")]
    assert gains == sorted(gains, reverse=True) and gains[-1] > 0
    page.locator("#examples").get_by_role("button", name="more of").click()
    assert boxes.count() > 10
    item = texts(page, "#examples caption")[3].split(":")[0].removeprefix("item ")
    page.locator("#examples input").fill(f"HYPOTHESIS alert(1) {item}")
    assert f"item {item}" in {text.split(":")[0] for text in texts(page, "#examples caption")} and boxes.count() < 10
    page.locator("#examples select").nth(2).select_option("less often right")
    page.locator("#examples input").fill("")
    assert all(" fewer of " in text for text in texts(page, "#examples caption")) and boxes.count()
    page.locator(".heat tbody a").first.click()
    button = page.locator("#panel").get_by_role("button", name="example")
    count = int(button.text_content().split()[0])
    button.click()
    assert page.locator("#panel").is_hidden() and texts(page, "#examples output")[0].startswith(f"{count} of ")
    assert page.locator("#examples select").first.evaluate("one => one === document.activeElement")


def test_predictions_without_javascript_and_on_a_phone(opened: Callable[..., Opened], predicted_file: Path) -> None:
    page = opened(predicted_file, java_script_enabled=False).page
    assert "data/examples.csv" in page.locator("#examples").inner_text()
    page.locator("#predictions summary").last.click()
    assert texts(page, "#predictions details:last-of-type thead th")[:3] == ["intermediate", "languages", "gold"]
    phone = opened(predicted_file, viewport=PHONE).page
    phone.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert not overflow(phone)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_predictions(
    scheme: str, opened: Callable[..., Opened], predicted_file: Path, axe: Any
) -> None:
    page = opened(predicted_file, color_scheme=scheme).page
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = axe.run(page, options=WCAG).response["violations"]
    assert [(one["id"], node["html"][:100]) for one in found for node in one["nodes"]] == []
    page.locator(".heat tbody a").first.click()
    assert axe.run(page, options=WCAG, context="#panel").response["violations"] == []
