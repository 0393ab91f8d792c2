"""The pages in a real browser: they load, act, fit a phone, and run nothing that a file brought."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.experiment_list import list_experiments
from pipeline.progress import Progress
from pipeline.stage_settings import ExploreStage
from pipeline.stages.explore import explore
from pipeline.tuning import Tuned
from tests.project import free_port
from tests.report.values import loaded
from tests.stages.test_evaluate import evaluated, survey

selenium = pytest.importorskip("selenium", reason="selenium is not installed: run make test")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="no browser to test with: install Debian's chromium and chromium-driver",
)
HOSTILE = "<script>alert(1)</script>"
HOSTILE_LEVEL = '"><img src=x onerror=alert(1)>'
SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGES = ("report.html", "explore.html")
PHONE, DESK = 360, 1280
SECONDS = 30
# whatever reaches past the right edge, but for what scrolls inside a box of its own
OVERFLOWING = """
const width = document.documentElement.clientWidth;
const scrolls = (node) => node && (
    ["auto", "scroll", "hidden"].includes(getComputedStyle(node).overflowX)
    || scrolls(node.parentElement));
return [...document.body.querySelectorAll("*")]
  .filter((node) => node.getBoundingClientRect().right > width + 1 && !scrolls(node.parentElement))
  .map((node) => node.outerHTML.slice(0, 120));
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium with an empty profile, that notes all it asks of the network."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (*SWITCHES, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    # with the driver's path selenium does not look for one on the network
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    noting = "window.alerts = []; window.alert = (text) => window.alerts.push(text);"
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": noting})
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    """The pages of a run on files whose columns, levels and title try to run a script."""
    folder, title = tmp_path_factory.mktemp("hostile"), "<img src=x onerror=alert(2)>"
    load = loaded("binary", {"weight": HOSTILE})
    train, test = (
        table.replace({"city": {"Ulm": HOSTILE_LEVEL}}) for table in (load.train, load.test)
    )
    load = replace(load, train=train, test=test)
    asked = ExploreStage(name=title, max_rows=500, permutations=9)
    with pytest.MonkeyPatch.context() as monkeypatch:
        report = evaluated(survey(load=load, title=title), monkeypatch, cores=1)
    exploration = explore(asked, load, Progress(live=False))
    for name, value in zip(PAGES, (report, exploration), strict=True):
        (folder / name).write_text(value.html, encoding="utf-8")
    return folder


@pytest.fixture(params=PAGES)
def hostile_page(request, hostile, browser):
    open_page(browser, hostile / request.param)
    return browser


@pytest.fixture(params=PAGES)
def page(request, finished_project, browser):
    """A page of a run with four models, one of them tuned."""
    open_page(browser, finished_project.build / request.param)
    return browser


def open_page(browser, path, width=DESK, dark=False):
    """Load a file at a width in CSS pixels, for a reader who likes it light or dark."""
    if browser.current_url.startswith("file:"):
        browser.execute_script("localStorage.clear()")  # the theme that an earlier test chose
    browser.get("about:blank")
    for log in ("performance", "browser"):
        browser.get_log(log)  # what an earlier page did
    theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}  # no click on a page that glides
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme, still]})
    resize(browser, width)
    browser.get(path.as_uri())


def resize(browser, width):
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requested(browser) -> list[str]:
    """Addresses that the page has asked for, but for the page itself."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return [each["request"]["url"] for each in sent if each.get("type") != "Document"]


def outside(addresses) -> list[str]:
    return [each for each in addresses if not each.startswith("data:")]


def test_a_page_loads_without_an_error_and_asks_the_network_for_nothing(page):
    assert page.find_elements(By.TAG_NAME, "h2")
    assert page.get_log("browser") == []
    assert outside(requested(page)) == []


def test_what_a_file_brought_is_text_and_runs_nothing(hostile_page):
    text = hostile_page.find_element(By.TAG_NAME, "body").text
    assert HOSTILE in text
    assert hostile_page.execute_script("return window.alerts") == []
    assert hostile_page.execute_script("return document.scripts.length") == 1
    assert hostile_page.find_elements(By.CSS_SELECTOR, 'img[src="x"]') == []
    assert hostile_page.get_log("browser") == []
    assert outside(requested(hostile_page)) == []


def test_the_policy_would_stop_a_script_that_slipped_in(page):
    page.execute_script(
        "const s = document.createElement('div');"
        "s.innerHTML = '<img src=x onerror=alert(3)>'; document.body.append(s);"
    )
    time.sleep(0.2)
    assert page.execute_script("return window.alerts") == []
    assert any("Content Security Policy" in entry["message"] for entry in page.get_log("browser"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_theme_follows_the_reader_and_can_be_switched(page, dark):
    open_page(page, path_of(page), dark=dark)
    button = page.find_element(By.ID, "theme")
    before = brightness(page)
    assert (before < 0.5) == dark
    assert button.text == ("Light page" if dark else "Dark page")
    button.send_keys(Keys.ENTER)
    assert (brightness(page) < 0.5) != dark
    button.click()
    assert brightness(page) == before


def path_of(browser):
    from pathlib import Path
    from urllib.parse import unquote, urlparse

    return Path(unquote(urlparse(browser.current_url).path))


def brightness(browser) -> float:
    """Of the background, 0 to 1."""
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    parts = colour[colour.index("(") + 1 : -1].split(",")[:3]
    return sum(map(float, parts)) / (3 * 255)


@pytest.mark.parametrize("width", [PHONE, 768, DESK])
def test_nothing_is_wider_than_the_screen(page, width):
    resize(page, width)
    page.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert page.execute_script(OVERFLOWING) == []


def test_hostile_names_do_not_stretch_a_phones_page(hostile_page):
    resize(hostile_page, PHONE)
    assert hostile_page.execute_script(OVERFLOWING) == []


def test_the_leaderboard_sorts_by_mouse_and_by_keyboard(finished_project, browser):
    open_page(browser, finished_project.build / PAGES[0])
    table = browser.find_element(By.CSS_SELECTOR, "#leaderboard ~ .table-box table")
    heads = table.find_elements(By.CSS_SELECTOR, "thead th")
    place = next(i for i, head in enumerate(heads) if "Log loss" in head.text)
    loss = heads[place].find_element(By.TAG_NAME, "button")
    loss.click()
    values = numbers(table, place)
    assert heads[place].get_attribute("aria-sort") == "descending"
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 2
    loss.send_keys(Keys.ENTER)
    assert heads[place].get_attribute("aria-sort") == "ascending"
    assert numbers(table, place) == values[::-1]


def numbers(table, place: int) -> list[float]:
    """What the cells of a column show before their standard errors."""
    cells = table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({place + 1})")
    return [float(cell.text.partition(" ")[0]) for cell in cells]


def test_every_figure_has_words_for_those_who_do_not_see_it(page):
    for image in page.find_elements(By.TAG_NAME, "img"):
        assert len(image.get_attribute("alt")) > 20
        assert page.execute_script("return arguments[0].naturalWidth", image) > 0
    for strip in page.find_elements(By.CSS_SELECTOR, "svg.strip"):
        assert strip.get_attribute("role") == "img"
        assert "folds from" in strip.get_attribute("aria-label")


def test_what_scrolls_sideways_can_be_reached_by_keyboard(page):
    resize(page, PHONE)
    unreachable = page.execute_script("""
        return [...document.querySelectorAll("*")].filter((node) =>
            node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0 && node.tabIndex < 0
            && ["auto", "scroll"].includes(getComputedStyle(node).overflowX)
        ).map((node) => node.outerHTML.slice(0, 120));
    """)
    assert unreachable == []


def test_the_links_of_the_contents_lead_to_their_sections(page):
    links = page.find_elements(By.CSS_SELECTOR, "nav a")
    assert len(links) > 4
    for link in links:
        name = link.get_attribute("href").partition("#")[2]
        assert page.find_element(By.ID, name).tag_name == "h2"


def test_a_printed_page_is_black_on_white(page):
    page.find_element(By.ID, "theme").click()
    assert brightness(page) < 0.5
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert brightness(page) == 1
    assert not page.find_element(By.ID, "theme").is_displayed()
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


# -- all experiments -------------------------------------------------------------------------------


@pytest.fixture
def experiments_page(small, browser):
    """Two experiments, with notes that would command the page."""
    small.run(note=HOSTILE)
    small.experiment("max_rounds = 5", "max_rounds = 4", note=HOSTILE_LEVEL)
    list(list_experiments(small.workspace))
    open_page(browser, small.build / "experiments.html")
    return browser


def test_the_page_of_experiments_is_text_and_asks_the_network_for_nothing(experiments_page):
    text = experiments_page.find_element(By.TAG_NAME, "body").text
    assert HOSTILE in text and HOSTILE_LEVEL in text
    assert experiments_page.execute_script("return window.alerts") == []
    assert experiments_page.get_log("browser") == []
    assert outside(requested(experiments_page)) == []


@pytest.mark.parametrize("width", [PHONE, 768, DESK])
def test_the_page_of_experiments_is_not_wider_than_the_screen(experiments_page, width):
    resize(experiments_page, width)
    assert experiments_page.execute_script(OVERFLOWING) == []


def test_a_click_on_an_experiment_leads_to_what_it_was_and_to_its_report(experiments_page):
    experiments_page.find_element(By.CSS_SELECTOR, 'a[href="#experiment-1"] circle').click()
    assert experiments_page.current_url.endswith("#experiment-1")
    heading = experiments_page.find_element(By.ID, "experiment-1")
    assert heading.text == f"1: {HOSTILE}"
    links = experiments_page.find_elements(By.LINK_TEXT, "report")
    assert len(links) == 1  # the second one ended with its submission
    links[0].click()
    assert experiments_page.find_element(By.ID, "leaderboard").tag_name == "h2"


def test_the_experiments_are_sorted_by_a_click_on_a_head(experiments_page):
    table = experiments_page.find_element(By.CSS_SELECTOR, "table.sortable")
    heads = {head.text: head for head in table.find_elements(By.CSS_SELECTOR, "thead th")}

    def numbers():
        cells = table.find_elements(By.CSS_SELECTOR, "tbody td:first-child a")
        return [cell.text for cell in cells]

    assert numbers() == ["2", "1"]
    first = next(head for name, head in heads.items() if name.startswith("Experiment"))
    for order in (["2", "1"], ["1", "2"]):
        first.find_element(By.TAG_NAME, "button").click()
        assert numbers() == order


def test_no_label_of_the_chart_is_cut(experiments_page):
    chart = experiments_page.find_element(By.CSS_SELECTOR, "svg.chart")
    outside = experiments_page.execute_script(
        """
        const box = arguments[0].getBoundingClientRect();
        return [...arguments[0].querySelectorAll("text")].filter((text) => {
            const own = text.getBoundingClientRect();
            return own.left < box.left || own.right > box.right || own.bottom > box.bottom;
        }).length;
        """,
        chart,
    )
    assert outside == 0


# -- optuna-dashboard ------------------------------------------------------------------------------


@pytest.fixture
def dashboard(finished_project):
    """The address of a dashboard that runs until the test ends."""
    port = free_port()
    command = [sys.executable, "-m", "pipeline", "dashboard", "tiny", "--port", str(port)]
    server = subprocess.Popen(command, cwd=finished_project.root, stdout=subprocess.PIPE, text=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api/studies", server)
        yield address
    finally:
        server.terminate()
        server.wait(SECONDS)


def wait_for(address, server):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            return read(address)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def read(address):
    with urllib.request.urlopen(address, timeout=SECONDS) as answer:
        return json.load(answer)


def test_the_dashboard_shows_the_studys_trials(dashboard, finished_project, browser):
    keys = finished_project.store.keys()
    tuned = [finished_project.store.get(key, Tuned) for key in keys if key.kind == "tune"]
    (best,) = [each for each in tuned if each.trials]
    (study,) = read(f"{dashboard}/api/studies")["study_summaries"]
    assert study["study_name"].startswith("lightgbm ")
    found = read(f"{dashboard}/api/studies/{study['study_id']}?after=0")
    assert len(found["trials"]) == len(best.trials) == 4
    values = [trial["values"][0] for trial in found["trials"] if trial["state"] == "Complete"]
    assert min(values) == pytest.approx(best.value)

    resize(browser, DESK)
    browser.get(f"{dashboard}/dashboard")
    shown = WebDriverWait(browser, SECONDS)
    shown.until(lambda b: study["study_name"] in b.find_element(By.TAG_NAME, "body").text)


def test_the_dashboard_listens_on_this_machine_alone(dashboard):
    port = int(dashboard.rpartition(":")[2])
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
        pass
