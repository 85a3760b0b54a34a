"""The page in headless Chromium: it plays, switches in place, and fits a telephone."""

import shutil
from pathlib import Path

import pytest
from test_report import made

from ddspfx.report.page import write_report

sync = pytest.importorskip("playwright.sync_api", reason="needs playwright and Chromium")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-gpu", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    return Path(write_report(made(tmp_path_factory.mktemp("browser") / "run"))).as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def opened(browser, address: str, width: int = 1440):
    """The page in a window of this width, and what its console complained of."""
    page, complaints = browser.new_page(viewport={"width": width, "height": 900}), []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#player .play:not([disabled])")
    return page, complaints


def place(page) -> float:
    return float(page.get_attribute("#player", "data-time"))


def test_it_plays_and_switching_keeps_the_position(browser, address) -> None:
    page, complaints = opened(browser, address)
    page.click("#player .loop")
    page.click("#player .play")
    page.wait_for_function("Number(document.getElementById('player').dataset.time) > 0.1")
    names = page.eval_on_selector_all("[role=radio]", "choices => choices.map(choice => choice.dataset.name)")
    assert {"dry", "wet", "model", "full", "take"} == set(names)
    for key, name in enumerate(names, 1):
        jump = page.evaluate(
            """key => {
                const player = document.getElementById('player');
                const before = Number(player.dataset.time);
                document.dispatchEvent(new KeyboardEvent('keydown', {key}));
                return Math.abs(Number(player.dataset.time) - before);
            }""",
            str(key),
        )
        assert jump < 0.05
        assert page.get_attribute("#player", "data-chosen") == name
        assert page.get_attribute("#player", "data-playing") == "true"
    page.keyboard.press(" ")
    assert page.get_attribute("#player", "data-playing") == "false"
    here = place(page)
    page.wait_for_timeout(200)
    assert place(page) == here
    assert not complaints


def test_the_seek_bar_moves_it(browser, address) -> None:
    page, complaints = opened(browser, address)
    page.eval_on_selector(".seek input", "bar => { bar.value = 0.15; bar.dispatchEvent(new Event('input')); }")
    assert abs(place(page) - 0.15) < 0.01 and not complaints


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_sticks_out(browser, address, width) -> None:
    page, complaints = opened(browser, address, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not complaints
