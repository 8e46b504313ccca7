"""People in the studio: a real browser against a real server with a tiny model, where there are playwright and Chromium."""

import json
import re
import shutil
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import ROOT, Server, png, until

from skyloom.server import pages

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
AXE = ROOT / "studio" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 120_000  # milliseconds, on a busy machine
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed: apt-get install chromium"),
    pytest.mark.skipif(not (pages.BUNDLE / "index.html").is_file(), reason="the studio is not built: make studio"),
]


def apart(call, *arguments, **named):
    """Call something in a thread: in this one runs the browser's event loop, beside which no queue may start."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(call, *arguments, **named).result()


@pytest.fixture(scope="module")
def engine(served, quiet):
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        playwright.expect.set_options(timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def visit(engine, served):
    """Opens the studio as somebody new; at the end, no page may have complained on its console."""
    complaints, contexts = [], []

    def open_page(path="", server=served, forgiven="^$", **options):
        def hear(text):
            if not re.search(forgiven, text):
                complaints.append(text)

        context = engine.new_context(viewport={"width": 1280, "height": 860}, **{"locale": "en", **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda said: hear(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: hear(str(error)))
        page.goto(f"{server.url}/#/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def call(server, path, fields=None):
    data = None if fields is None else json.dumps(fields).encode()
    with urllib.request.urlopen(
        urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
    ) as answer:
        return json.loads(answer.read())


def come_true(page, condition):
    """Wait for a JavaScript expression; the page's own waiting is forbidden by its policy."""
    until(lambda: page.evaluate(condition))


def film(server, prompt, **fields):
    """The id of a finished film."""
    id = call(server, "/v1/videos", {"prompt": prompt, "seconds": "0.5", "size": "64x64", "steps": 2, "seed": 7, **fields})[
        "id"
    ]
    until(lambda: call(server, f"/v1/videos/{id}")["status"] == "completed")
    return id


WORDS = {"en": ("a red fox runs in the snow", "Film it"), "zh-CN": ("一只企鹅在海滩上行走", "开拍")}


@pytest.mark.parametrize("locale", WORDS)
def test_a_stranger_films_within_ten_seconds(visit, locale):
    """What a person does takes under ten seconds of typing and one click; the rest is the model's time."""
    prompt, go = WORDS[locale]
    page = visit(locale=locale)
    expect = playwright.expect
    expect(page.locator("#prompt")).to_be_focused()
    began = time.monotonic()
    page.keyboard.type(prompt, delay=40)
    page.get_by_role("button", name=re.compile(go)).click()
    page.locator(".tile").wait_for()
    assert time.monotonic() - began < 10
    video = page.locator(".stage video")
    video.wait_for()
    come_true(page, "document.querySelector('.stage video').currentTime > 0.1")
    expect(video).to_have_accessible_name(re.compile(prompt))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_filmed_otherwise_is_said_below_the_prompt(visit, theme):
    page = visit(color_scheme=theme)
    expect, notes = playwright.expect, page.locator("#prompt-notes")
    page.locator("#prompt").fill("a donkey with a redd zorp in the jungle")
    expect(notes).to_contain_text("a fox is drawn instead")
    expect(notes).to_contain_text("in the jungle: not in this model's world; read as 'in a forest'")
    expect(notes.get_by_text("zorp” is new")).to_have_count(1)
    expect(notes.get_by_text("“donkey” is new")).to_have_count(0)
    expect(page.locator(".hints")).to_contain_text("Does what?")  # who is there, by another name
    expect(notes).to_have_attribute("aria-live", "polite")
    expect(page.locator("#prompt")).to_have_accessible_description(re.compile("a fox is drawn instead"))
    assert not AXE.is_file() or faults(page) == []
    page.get_by_role("button", name="中文").click()
    expect(notes).to_contain_text("将按“a fox with")
    assert notes.locator("p.said[lang=en]").count() == 2
    page.locator("#prompt").fill("a fox in the snow")
    expect(notes).to_have_text("这些词模型都认识。")


def test_a_reload_in_the_middle_loses_nothing(visit):
    page = visit()
    page.get_by_text("Best", exact=True).click()
    page.locator("#prompt").fill("a red fox in the snow")
    page.keyboard.press("Control+Enter")
    page.locator(".tile").wait_for()
    page.reload()
    playwright.expect(page.locator("#prompt")).to_have_value("a red fox in the snow")
    page.locator(".stage video").wait_for()


def test_the_queue_survives_a_server_that_goes_and_comes_back(visit, tmp_path, model):
    before = apart(Server, tmp_path, model)
    page = visit(
        server=before, forgiven="ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
    )
    page.locator("#prompt").fill("a red fox")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Queue, 1 open").click()
    drawer = page.get_by_role("complementary")
    playwright.expect(drawer.get_by_text("Next")).to_be_visible()
    apart(before.close)
    playwright.expect(page.get_by_text("The server does not answer")).to_be_visible()
    after = apart(Server, tmp_path, model, port=before.port)
    apart(after.spawn)
    playwright.expect(drawer.get_by_text("Done just now")).to_be_visible()
    playwright.expect(page.get_by_role("button", name="Queue, 0 open")).to_be_visible()
    page.close()
    apart(after.close)


def test_a_film_is_cancelled_from_the_queue(visit, quiet):
    page = visit(server=quiet)
    page.locator("#prompt").fill("a red fox runs")
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name=re.compile("Queue, 1")).click()
    page.get_by_role("button", name="Cancel: a red fox runs").click()
    playwright.expect(page.get_by_role("complementary").get_by_text("The job was cancelled.")).to_be_visible()
    page.keyboard.press("Escape")
    playwright.expect(page.get_by_role("button", name="Queue, 0 open")).to_be_focused()


def test_the_keyboard_is_enough(visit):
    page = visit()
    page.locator("#prompt:focus").wait_for()
    page.keyboard.type("a red f")
    page.get_by_role("button", name="fox", exact=True).wait_for()  # hints come once the server has told its words
    tab_to(page, "fox")
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#prompt")).to_have_value(re.compile("a red fox"))
    tab_to(page, "Square")
    page.keyboard.press("ArrowRight")
    tab_to(page, "Film it")
    page.keyboard.press("Enter")
    page.locator(".stage video").wait_for()
    tab_to(page, "Open")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#/film/*")
    playwright.expect(page.get_by_role("heading", level=1)).to_have_text("a red fox")
    assert "x" in page.locator(".facts dd").first.inner_text()


def tab_to(page, name, most=80):
    """Press Tab until what has the focus goes by that name."""
    for _ in range(most):
        page.keyboard.press("Tab")
        label = page.evaluate("document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText || ''")
        if name in label:
            return
    raise AssertionError(f"no {name!r} within {most} presses of Tab")


def test_unknown_words_are_named_and_the_prompt_is_told_in_full(visit):
    page = visit()
    page.locator("#prompt").fill("a red foxx runs")
    page.get_by_role("button", name=re.compile("foxx.*fox")).click()
    playwright.expect(page.locator("#prompt")).to_have_value("a red fox runs")
    page.get_by_role("button", name="Tell it in full").click()
    told = page.get_by_label("The prompt in full")
    first = told.input_value()
    assert len(first) > len("a red fox runs")
    page.get_by_role("button", name="Tell it otherwise").click()
    playwright.expect(told).not_to_have_value(first)
    page.get_by_role("button", name="Back to my words").click()
    playwright.expect(told).to_have_count(0)


def test_a_picture_is_dropped_and_four_films_are_made_of_it(visit, tmp_path):
    picture = tmp_path / "grey.png"
    picture.write_bytes(png())
    page = visit()
    page.get_by_label("Picture or clip").set_input_files(picture)
    playwright.expect(page.get_by_text("The film begins with this picture.")).to_be_visible()
    page.get_by_text("4", exact=True).click()
    page.get_by_text("Fast", exact=True).click()
    page.locator("#prompt").fill("a red fox")
    page.keyboard.press("Control+Enter")
    playwright.expect(page.locator(".stage video")).to_have_count(4)


def test_two_pictures_play_under_the_names_that_they_are_given(visit, served, tmp_path):
    files = [tmp_path / "fox.png", tmp_path / "IMG_2034.png"]
    inside = np.zeros((64, 64), np.uint8)
    inside[16:48, 16:48] = 255
    for file in files:
        file.write_bytes(png(alpha=inside))
    page = visit()
    page.locator("#prompt").fill("a fox meets Rusty")
    page.get_by_text("More", exact=True).click()
    page.get_by_label("Add a picture").and_(page.locator("input")).set_input_files(files)
    playwright.expect(page.get_by_label("Name of picture 1")).to_have_value("fox")
    playwright.expect(page.get_by_label("Name of picture 2")).to_be_focused()
    page.keyboard.press("Control+Enter")
    playwright.expect(page.get_by_text("Picture 2 of the cast has no name.")).to_be_visible()
    page.keyboard.type("Rusty")
    page.keyboard.press("Control+Enter")
    page.locator(".stage video").wait_for()
    page.get_by_role("link", name="Open").click()
    page.wait_for_url("**/#/film/*")
    recipe = call(served, f"/v1/skyloom/videos/{page.url.rpartition('/')[2]}/recipe")["recipe"]
    assert [name for name, _ in recipe["cast"]] == ["fox", "Rusty"]


def test_the_gallery_finds_compares_and_gives_recipes_back(visit, served, tmp_path):
    one, two = film(served, "a red fox runs", seconds="2"), film(served, "the snow", seconds="2", seed=12345)
    remix = call(served, f"/v1/videos/{one}/remix", {"prompt": "a fox in the snow", "steps": 1})["id"]
    until(lambda: call(served, f"/v1/videos/{remix}")["status"] == "completed")
    page = visit("gallery")
    page.get_by_label("Search").fill("the snow")
    playwright.expect(page.locator(f'.card[href="#/film/{one}"]')).to_have_count(0)
    card = page.locator(".card", has=page.get_by_text("the snow", exact=True)).first
    card.hover()
    come_true(page, "document.querySelector('.card video')?.currentTime > 0.05")
    page.get_by_label("Search").fill("")
    page.get_by_label("Show").select_option("remixes")
    playwright.expect(page.locator(f'.card[href="#/film/{remix}"]')).to_be_visible()
    page.get_by_label("Show").select_option("all")
    page.get_by_role("button", name="Compare").click()
    for id in (one, two):
        page.locator("li", has=page.locator(f'.card[href="#/film/{id}"]')).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare side by side").click()
    come_true(page, "[...document.querySelectorAll('.pair video')].filter(v => v.currentTime > 0.05).length === 2")
    page.get_by_role("button", name="Pause both").click()
    times = page.evaluate("[...document.querySelectorAll('.pair video')].map(v => v.currentTime)")
    gap = abs(times[0] - times[1])
    assert min(gap, 2 - gap) < 0.2  # they loop: one may have begun anew a moment before the other

    file = tmp_path / "brought.mp4"
    with urllib.request.urlopen(f"{served.url}/v1/videos/{two}/content") as answer:
        file.write_bytes(answer.read())
    page.goto(f"{served.url}/#/gallery")
    page.get_by_label("Open a film's recipe").set_input_files(file)
    dialog = page.get_by_role("dialog")
    playwright.expect(dialog.get_by_text("Signed here, untouched")).to_be_visible()
    dialog.get_by_role("button", name="Reuse this recipe").click()
    playwright.expect(page.locator("#prompt")).to_have_value("the snow")
    page.get_by_text("More", exact=True).click()
    playwright.expect(page.get_by_label("Seed")).to_have_value("12345")


def test_a_recipe_that_is_used_again_keeps_its_storyboard(visit, served):
    cards = [{"at": 0, "prompt": "a red fox"}, {"at": 0.25, "prompt": "the snow"}]
    one = film(served, "a red fox", storyboard=cards)
    page = visit(f"film/{one}")
    page.get_by_role("button", name="Reuse this recipe").click()
    chips = page.get_by_role("group", name="Also from the recipe").get_by_role("button")
    playwright.expect(chips).to_have_text(["2 steps ✕", "Storyboard of 2 ✕"])
    assert not AXE.is_file() or faults(page) == []
    page.get_by_role("button", name="Leave out: 2 steps").click()
    playwright.expect(chips).to_have_text(["Storyboard of 2 ✕"])
    page.get_by_role("button", name="Film it").click()
    until(lambda: (new := call(served, "/v1/videos?limit=1")["data"][0]["id"]) != one and new)
    options = served.service.store.get(call(served, "/v1/videos?limit=1")["data"][0]["id"]).request["options"]
    assert [shot["text"] for shot in options["shots"]] == ["a red fox", "the snow"] and "steps" not in options


def test_a_film_shows_where_it_comes_from_and_is_remixed_and_deleted(visit, served):
    one = film(served, "a red fox in the snow")
    page = visit(f"film/{one}")
    playwright.expect(page.get_by_text("Signed here, untouched")).to_be_visible()
    page.get_by_role("button", name="Remix").click()
    page.get_by_label("With which words?").fill("the fox runs")
    page.get_by_role("dialog").get_by_role("button", name="Film it").click()
    come_true(page, f"!location.hash.endsWith('{one}')")
    playwright.expect(page.locator(".branch .branch a[aria-current]")).to_contain_text("the fox runs")
    playwright.expect(page.locator(".sources").get_by_role("link", name="a red fox in the snow")).to_have_attribute(
        "href", f"#/film/{one}"
    )
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/#/gallery")
    playwright.expect(page.locator(".card", has_text="the fox runs")).to_have_count(0)


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci in studio/")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", WORDS)
def test_axe_finds_nothing_on_any_page(visit, served, tmp_path, scheme, locale):
    one, two = film(served, "a red fox"), film(served, "a red fox", seed=8)
    page = visit(locale=locale, color_scheme=scheme)
    for path, there in places(one, two):
        page.goto(f"{served.url}/#/{path}")
        page.locator(there).first.wait_for()
        assert faults(page) == [], path
    page.goto(f"{served.url}/#/")
    picture = tmp_path / "grey.png"
    picture.write_bytes(png())
    page.locator("details.more > summary").click()
    page.locator(".casting input[type=file]").set_input_files(picture)
    page.locator(".part").wait_for()
    assert faults(page) == []
    page.locator("header button").first.click()
    page.locator(".drawer").wait_for()
    assert faults(page) == []


def places(one, two):
    return (
        ("", "#prompt"),
        ("gallery", ".card"),
        (f"film/{one}", ".facts"),
        (f"compare/{one}/{two}", ".pair video"),
    )


def faults(page):
    """What axe has against the page, in short."""
    page.evaluate(AXE.read_text(encoding="utf-8"))  # the page's policy forbids a script tag
    found = page.evaluate("rules => axe.run({ runOnly: rules })", RULES)
    return [
        (each["id"], each["nodes"][0]["html"][:200], each["nodes"][0]["failureSummary"][:300]) for each in found["violations"]
    ]


def test_a_key_is_asked_for_where_the_server_wants_one(visit, tmp_path, model):
    from skyloom.server import auth

    server = apart(Server, tmp_path, model, require_key=True)
    key, _ = auth.new_key(server.service.store, "somebody")
    page = visit("gallery", server=server, forgiven="401")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Enter").click()
    playwright.expect(page.get_by_text("No films yet")).to_be_visible()
    page.close()
    apart(server.close)
