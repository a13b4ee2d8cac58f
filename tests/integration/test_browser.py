"""What a real browser shows of MLflow's pages and of the report.

Screenshots are kept in the folder that PANNA_EXP_SCREENSHOTS names, else in the test's own.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from panna_exp.reporting.html import element, image, table
from panna_exp.reporting.html import page as document

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SMALL = ("network.architecture=[8,1]", "training.steps_per_epoch=20")
PATIENCE = 60_000  # milliseconds until a page shows something

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def browser():
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is on the path")
    with playwright.sync_playwright() as control:
        started = control.chromium.launch(
            executable_path=found, args=list(ARGUMENTS), headless=True
        )
        yield started
        started.close()


@pytest.fixture
def page(browser):
    opened = browser.new_page(viewport={"width": 1500, "height": 1000})
    opened.set_default_timeout(PATIENCE)
    yield opened
    opened.close()


@pytest.fixture
def keep(page, tmp_path):
    """Takes a screenshot under a name."""
    folder = Path(os.environ.get("PANNA_EXP_SCREENSHOTS", tmp_path / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)

    def take(name, whole=False):
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=whole)
        assert path.stat().st_size > 10_000
        return path

    return take


@pytest.fixture(scope="module")
def experiments(shared_program):
    """Runs of README's kinds, smaller: one on energies, one on forces, and an evaluation."""
    program = shared_program
    program.run("train", *SMALL, "training.max_epochs=5", "io.train_dir=first")
    program.run(
        *("train", *SMALL, "training=forces", "training.max_epochs=2", "io.train_dir=second"),
        *("tracking.run_name=on forces", "tracking.register=molecules"),
    )
    program.run("evaluate", "run_dir=first", "data.test=builtin:tutorial_train.h5")
    rates = "training.learning_rate=1e-2,1e-3"
    program.run("train", "-m", *SMALL, "training.max_epochs=2", rates, "sweep.dir=sweep")
    return program


@pytest.fixture(scope="module")
def mlflow_ui(experiments):
    """Address of ``mlflow ui``, started without a flag where the runs were started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("mlflow")), "ui"],
        cwd=experiments.folder,
        env={**experiments.environment(), "MLFLOW_PORT": str(port)},  # 5000 may be taken
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(f"{address}/health")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def wait_for_answer(address, seconds=90):
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            assert time.monotonic() < end, f"{address} does not answer"
            time.sleep(0.2)
        else:
            return


def shows(page, *texts):
    """Waits until the page shows all of these."""
    for text in texts:
        page.get_by_text(text, exact=False).first.wait_for()


def open_runs(page, address):
    page.goto(f"{address}/#/experiments/1/runs?workflowType=machine_learning")
    shows(page, "on forces", "matching runs")


def open_run(page, address, name, tab):
    open_runs(page, address)
    page.get_by_role("link", name=name).first.click()
    shows(page, "About this run")
    page.get_by_role("tab", name=tab).click()


def test_mlflow_lists_the_runs(page, keep, mlflow_ui):
    open_runs(page, mlflow_ui)
    shows(page, "8-1 steps_per_epoch=20 max_epochs=5", "tutorial_train.h5", "panna-exp")
    assert "5 matching runs" in page.inner_text("body")
    keep("mlflow_runs")


def test_mlflows_link_opens_the_columns_that_tell_runs_apart(page, keep, mlflow_ui):
    page.set_viewport_size({"width": 3000, "height": 900})
    view = "workflowType=machine_learning&viewStateShareKey=panna_exp"
    page.goto(f"{mlflow_ui}/#/experiments/1/runs?{view}")
    shows(page, "on forces", "result/force_mae", "learning_rate", "descriptor", "720 + 180")
    keep("mlflow_columns")


def test_mlflow_nests_the_jobs_of_a_sweep(page, keep, mlflow_ui):
    open_runs(page, mlflow_ui)
    name = "sweep training.learning_rate=1e-2,1e-3"
    assert "learning_rate=0.001" not in page.inner_text("body")
    page.locator("button[data-component-id*='runnamecellrenderer']").first.click()
    shows(page, name, "learning_rate=0.01", "learning_rate=0.001")
    keep("mlflow_sweep")
    page.get_by_role("link", name=name).first.click()
    shows(page, "About this run", "best/validation/loss", "Child runs", "sweep.metric")
    keep("mlflow_sweep_run")
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("summary.txt", exact=True).first.click()
    shows(page, "Jobs, best first")


def test_mlflow_shows_what_a_run_is_and_reached(page, keep, mlflow_ui):
    open_run(page, mlflow_ui, "on forces", "Overview")
    shows(page, "Finished", "molecules", "Datasets")
    text = page.inner_text("body")
    for name in ("train/loss", "validation/force_mae", "learning_rate", "steps_per_second"):
        assert name in text
    for name in ("training.learning_rate", "training.forces_cost"):
        assert name in text
    keep("mlflow_run")


def test_mlflow_draws_the_metrics(page, keep, mlflow_ui):
    open_run(page, mlflow_ui, re.compile("max_epochs=5"), "Model metrics")
    shows(page, "energy_mae", "evaluate/tutorial_train", "validation")
    page.locator(".js-plotly-plot .scatterlayer path.js-line").first.wait_for(state="attached")
    assert page.locator(".js-plotly-plot").count() >= 3
    keep("mlflow_metrics")


@pytest.mark.parametrize(
    "path",
    ["learning_curves.png", "evaluate/epoch_2_step_40_forces.png", "weights/H_layer_0.png"],
)
def test_mlflow_shows_the_figures(page, keep, mlflow_ui, path):
    open_run(page, mlflow_ui, "on forces", "Artifacts")
    *folders, name = path.split("/")
    for part in [*folders, name]:
        page.get_by_text(part, exact=True).first.click()
    picture = page.locator("img[alt*='.png'], img[src*='blob:'], img[src*='artifact']").first
    picture.wait_for()
    page.wait_for_function("image => image.naturalWidth > 500", arg=picture.element_handle())
    keep(f"mlflow_{name.removesuffix('.png')}")


def test_mlflow_has_the_registered_model(page, keep, mlflow_ui):
    page.goto(f"{mlflow_ui}/#/models/molecules/versions/1")
    shows(page, "Source Run", "on forces", "Inputs (4)", "Outputs (3)")
    keep("mlflow_model")


def test_the_report_needs_nothing_else(page, keep, experiments):
    asked, problems = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text))
    experiments.run("report", "first", "second", "--output", "page.html")
    page.goto((experiments.folder / "page.html").as_uri())
    shows(page, "2 runs side by side", "Learning curves", "Parity", "Worst structures")
    shows(page, "Configuration", "Timings", "Environment and data")
    assert problems == []
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
    sizes = page.eval_on_selector_all("img", "all => all.map(image => image.naturalWidth)")
    assert sizes
    assert min(sizes) > 50
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 1500  # nothing reaches over the side
    keep("report", whole=True)


def test_tables_of_runs_with_forces_side_by_side_fit_their_boxes(page, keep, tmp_path):
    names = ("structure", "picture", "formula", "atoms", "error (meV/atom)", "error (eV)")
    drawing = image(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a molecule", "small")
    row = ("structure 123", drawing, "C9H8O4", "21", "+123.45", "+12.3456", "0.1234")
    shown = element("div", table((*names, "force error (eV/angstrom)"), [row]))
    text = document(
        "page", [("worst", "Worst", element("div", shown, shown, class_="side"))], shown
    )
    (tmp_path / "page.html").write_text(text)
    page.goto((tmp_path / "page.html").as_uri())
    sizes = "all => all.map(box => box.scrollWidth - box.clientWidth)"
    for width in (1500, 1400, 1250):
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.eval_on_selector_all(".scroll", sizes) == [0, 0, 0]
    keep("tables")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the documentation, built."""
    for name in ("sphinx", "furo", "myst_nb"):
        pytest.importorskip(name, reason="needs pip install -e '.[docs]'")
    root, built = Path(__file__).resolve().parents[2], tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "docs", str(built)]
    subprocess.run(command, cwd=root, check=True)
    return built.as_uri()


@pytest.mark.parametrize("width", [1500, 390])
def test_the_site_leads_from_a_search_to_a_key(site, page, keep, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{site}/index.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 500:
        page.locator(".nav-overlay-icon").click()
    page.get_by_placeholder("Search").fill("stress")
    page.get_by_placeholder("Search").press("Enter")
    page.locator("#search-results a", has_text="data.stress_unit").click()
    entry = page.locator("dt", has_text="data.stress_unit")
    entry.scroll_into_view_if_needed()
    assert entry.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(f"site_{width}")
