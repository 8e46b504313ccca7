"""The report in a real browser: a clean console, no other file asked for, and shots that play under the pointer."""

import shutil

import footage_files as made
import pytest

from skyloom.base import footage
from skyloom.data import build, report
from skyloom.data.catalog import Catalog
from skyloom.data.settings import DataConfig, ShotConfig

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)


@pytest.mark.full
@pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed: apt-get install chromium")
def test_the_report_opens_cleanly(tmp_path):
    (tmp_path / "in").mkdir()
    for seed in (1, 2):
        footage.compress(tmp_path / "in" / f"{seed}<b>.mp4", made.film(seed, 48), 24)
    with Catalog(tmp_path / "set", write=True) as catalog:
        config = DataConfig(shots=ShotConfig(min_seconds=0.1))
        build.build(catalog, tmp_path / "in", config, note=lambda text: None)
        path = report.write_report(catalog)
    said, asked = [], []
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.locator("article").count() == 2 and page.locator(".film i").count() == 2
        assert "1<b>.mp4" in page.locator(".film").first.inner_text()
        images = page.locator(".strip").first.locator("img")
        assert images.count() == 4 and images.nth(1).evaluate("image => getComputedStyle(image).animationName") == "none"
        page.locator("article").first.hover()
        assert images.nth(1).evaluate("image => getComputedStyle(image).animationName") == "over"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        browser.close()
    assert said == [] and [url for url in asked if not url.startswith(("file:", "data:"))] == []
