"""Pictures of every page of the studio, for the README: python studio/shots.py FOLDER.

Starts `skyloom serve` with a home of its own, makes some films with the shipped model through the pages, and writes
studio-PAGE.png. Needs playwright (pip) and Chromium.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

FILMS = (
    "a penguin walks on a beach at sunset",
    "three foxes jump in the snow",
    "a red car drives on a road at dawn",
    "a whale swims under water",
    "a dragon flies in the sky at sunset",
    "a rocket flies through space",
)
PATIENCE = 900  # seconds
SOON: dict[str, str | int] = {"quality": "fast", "seed": 5}
SCREEN: ViewportSize = {"width": 1280, "height": 800}
COLOURS = 128  # of a picture: pages are flat, so a palette does


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        server = subprocess.Popen(
            [sys.executable, "-m", "skyloom", "serve", "--home", home, "--port", str(port)], stderr=subprocess.DEVNULL
        )
        try:
            at = f"http://127.0.0.1:{port}"
            wait(f"{at}/readyz")
            with sync_playwright() as engine:
                browser = engine.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
                )
                shoot(browser, at, folder)
                browser.close()
        finally:
            server.terminate()
            server.wait(PATIENCE)


def shoot(browser: Browser, at: str, folder: Path) -> None:
    ids = [call(at, "/v1/videos", {"prompt": text, "seconds": "2", "size": "wide", **SOON}) for text in FILMS]
    for id in ids:
        done(at, id)
    remix = call(at, f"/v1/videos/{ids[0]}/remix", {"prompt": "a penguin walks in the snow at night", **SOON})
    done(at, remix)
    page = browser.new_page(viewport=SCREEN, color_scheme="light", locale="en")
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(at)
    page.get_by_label("What happens in your film?").fill("two rabbits run in a meadow at dawn")
    page.keyboard.press("Control+Enter")
    page.locator(".stage video").wait_for()
    keep(page, folder, "make")
    for name, path, there in (
        ("film", f"film/{ids[0]}", ".branch"),
        ("compare", f"compare/{ids[0]}/{remix}", ".pair video"),
    ):
        page.goto(f"{at}/#/{path}")
        page.locator(there).first.wait_for()
        keep(page, folder, name)
    shoot_board(page, at, folder, ids)
    dark = browser.new_page(viewport=SCREEN, color_scheme="dark", locale="en")
    dark.set_default_timeout(1000 * PATIENCE)
    shoot_tools(dark, at, folder, ids)
    dark.goto(f"{at}/#/gallery")
    dark.locator(".card img").first.wait_for()
    keep(dark, folder, "gallery")
    dark.goto(at)
    dark.get_by_label("What happens in your film?").fill("a green dragon jumps in the mountains")
    dark.get_by_text("4", exact=True).click()
    dark.keyboard.press("Control+Enter")
    dark.get_by_role("button", name="Queue").click()
    dark.locator(".drawer .thumb img").first.wait_for()
    keep(dark, folder, "queue")


def shoot_board(page: Page, at: str, folder: Path, ids: list[str]) -> None:
    """A storyboard of three of the films: the first with two takes, the second locked."""
    shots = [
        {"id": id, "start": 2 * i, "end": 2 * i + 2, "text": text, "chosen": id, "locked": i == 1, "takes": [{"id": id}]}
        for i, (id, text) in enumerate(zip(ids[:3], FILMS, strict=False))
    ]
    shots[0]["takes"] = [{"id": ids[0]}, {"id": ids[-1]}]
    strip = {"title": "A day outside", "size": "wide", "shots": shots}
    page.evaluate("kept => localStorage.setItem('skyloom.storyboard', kept)", json.dumps({"version": 1, "strip": strip}))
    page.goto(f"{at}/#/storyboard")
    page.locator(".block canvas").nth(2).wait_for()
    page.locator(".take img").nth(1).wait_for()
    page.wait_for_timeout(1500)  # until the strips are drawn
    keep(page, folder, "storyboard")


def shoot_tools(page: Page, at: str, folder: Path, ids: list[str]) -> None:
    """The curve of a blend, the other clip laid over the first."""
    page.goto(f"{at}/#/tools/{ids[0]}")
    page.get_by_role("tab", name="Blend").click()
    page.get_by_role("button", name="Choose a clip").click()
    page.locator(".picker-film").nth(1).click()
    page.get_by_text("Curve", exact=True).click()
    page.locator(".tools-over").wait_for(state="attached")
    keep(page, folder, "tools")


def keep(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(1500)
    file = folder / f"studio-{name}.png"
    page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
    print(file, file.stat().st_size)


def call(at: str, path: str, fields: dict[str, str | int] | None = None) -> str:
    return str(answer(at + path, fields)["id"])


def done(at: str, id: str) -> None:
    while (video := answer(f"{at}/v1/videos/{id}"))["status"] not in ("completed", "failed"):
        time.sleep(0.3)
    assert video["status"] == "completed", video


def answer(url: str, fields: dict[str, str | int] | None = None) -> dict[str, object]:
    data = None if fields is None else json.dumps(fields).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as reply:
        return dict(json.loads(reply.read()))


def wait(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(url)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    main(target)
