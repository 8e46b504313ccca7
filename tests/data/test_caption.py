"""Words for shots: sources side by side, an endpoint that fails before it answers, a probe's reading as a scene."""

import base64
import dataclasses
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import footage_files as made
import numpy as np
import pytest
from PIL import Image

from skyloom.base import footage
from skyloom.data import caption
from skyloom.data.catalog import Catalog
from skyloom.data.endpoint import Endpoint, Refused
from skyloom.data.settings import CaptionConfig, DataConfig
from skyloom.models.probe import ActorReading, Reading
from skyloom.worlds.captions import caption as words_for

ANSWER = {"short": "a dog runs", "dense": "a brown dog runs over wet grass"}


class Server(ThreadingHTTPServer):
    """A stand-in: gives the codes in `script` one after another, then answers, with the texts in `says` first."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script, self.says, self.asked, self.keys, self.together = [], [], [], [], threading.Barrier(1)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        server = self.server
        server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        server.keys.append((self.path, self.headers.get("Authorization")))
        server.together.wait(timeout=20)
        code = server.script.pop(0) if server.script else 200
        said = server.says.pop(0) if server.says else f"```json\n{json.dumps(ANSWER)}\n```"
        text = json.dumps({"choices": [{"message": {"content": said}}]})
        body = (text if code == 200 else "{}").encode()
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    running = Server()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def config(server):
    return CaptionConfig(endpoint=f"http://127.0.0.1:{server.server_port}/v1", model="eye", per_minute=1e6, at_once=1)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "a.mp4"
    footage.compress(path, made.film(1, 36, (288, 480)), 24)
    return path


@pytest.fixture
def catalog(tmp_path, film):
    with Catalog(tmp_path, write=True) as catalog:
        catalog.put("meta", "folder", "", {"path": str(film.parent)})
        file = {"name": "a.mp4", "path": "a.mp4", "hash": "a", "dropped": "", "interlaced": False}
        catalog.put("file", "a.mp4", "", {**file, "caption": "一只狗在草地上跑"})
        for i in range(3):
            shot = {"file": "a.mp4", "film": "a", "dropped": ["dark: 1 > 0.7"] if i == 2 else [], "height": 288, "width": 480}
            catalog.put("shot", f"s{i}", "", {**shot, "start": 12 * i, "end": 12 * i + 12, "from": i / 2, "to": (i + 1) / 2})
        yield catalog


def test_the_endpoint_is_asked_once_for_each_kept_shot(catalog, server, config, monkeypatch):
    monkeypatch.setenv("SKYLOOM_CAPTION_KEY", "secret")
    settings, notes = DataConfig(caption=config), []
    assert caption.caption(catalog, settings, note=notes.append) == {"sidecar": 2, "endpoint": 2}
    assert len(server.asked) == 2 and server.keys[0] == ("/v1/chat/completions", "Bearer secret")
    pictures = [part for part in server.asked[0]["messages"][0]["content"] if part["type"] == "image_url"]
    assert len(pictures) == 4 and server.asked[0]["model"] == "eye"
    said = caption.captions_of(catalog, "s0")
    assert [(c["source"], c["style"], c["language"]) for c in said] == [
        ("sidecar", "sentence", "zh"), ("endpoint", "sentence", "en"), ("endpoint", "dense", "en")
    ]  # fmt: skip
    assert caption.captions_of(catalog, "s2") == []
    caption.caption(catalog, settings, note=notes.append)
    assert len(server.asked) == 2  # the answers were kept


def test_the_endpoint_is_told_what_was_read_and_asked_anew_where_that_changes(catalog, server, config):
    settings = DataConfig(caption=config)
    row = catalog.get("shot", "s0")
    catalog.put("shot", "s0", "", {**row, "text": 'EXIT "left"'})
    caption.caption(catalog, settings, note=str)
    first, other = (request["messages"][0]["content"][0]["text"] for request in server.asked)
    assert first.startswith(other) and first.endswith('"EXIT \\"left\\""') and "EXIT" not in other
    catalog.put("shot", "s0", "", {**row, "text": "EXIT"})
    caption.caption(catalog, settings, note=str)
    assert len(server.asked) == 3


def test_errors_that_pass_are_tried_again_as_the_server_asks(server, config):
    waits = []
    server.script = [500, 429, 503]
    assert "brown dog" in Endpoint(config, waits.append).ask("what?", [])
    waits = [wait for wait in waits if wait > 0.01]
    assert len(server.asked) == 4 and waits[1] == 7.0 and 0.5 <= waits[0] <= 1.0 <= waits[2] <= 4.0


def test_a_refusal_costs_one_shot_a_dead_server_the_run(catalog, server, config):
    server.script = [400]
    notes = []
    assert caption.caption(catalog, DataConfig(caption=config), note=notes.append)["endpoint"] == 1
    assert any("refused (400" in note for note in notes)
    with pytest.raises(Refused):
        server.script = [404]
        Endpoint(config).ask("what?", [])
    server.script = [500] * 9
    with pytest.raises(ConnectionError, match="after 3 tries"):
        Endpoint(CaptionConfig(endpoint=config.endpoint, tries=3, per_minute=1e6), lambda wait: None).ask("what?", [])
    server.script = [401]
    with pytest.raises(ConnectionError, match="SKYLOOM_CAPTION_KEY"):
        Endpoint(config).ask("what?", [])


def test_requests_keep_to_the_rate(server, config):
    waits = []
    endpoint = Endpoint(CaptionConfig(endpoint=config.endpoint, per_minute=2), waits.append)
    for _ in range(3):
        endpoint.ask("what?", [])
    assert 25 < waits[0] <= 30 and 50 < waits[1] <= 60  # nobody slept, so the debt grows


def test_the_cost_is_told_and_bounded(catalog, server, config):
    dear = CaptionConfig(endpoint=config.endpoint, price_in=1000.0, price_out=1000.0, most_cost=0.5)
    with pytest.raises(ValueError, match="most_cost"):
        caption.caption(catalog, DataConfig(caption=dear), note=lambda text: None)
    assert not server.asked
    tokens, dollars = caption.estimate(1000, CaptionConfig(price_in=1.0, price_out=10.0))
    assert 1e6 < tokens < 3e6 and 3 < dollars < 6


def test_the_endpoint_sees_as_many_and_as_large_pictures_as_are_set(catalog, server, config):
    more = dataclasses.replace(config, pictures=6, long_side=384)
    caption.caption(catalog, DataConfig(caption=more), note=str)
    told = [part["image_url"]["url"] for part in server.asked[0]["messages"][0]["content"] if part["type"] == "image_url"]
    sizes = {Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size for url in told}
    assert len(set(told)) == 6 and sizes == {(384, 230)}
    assert caption.estimate(1, more)[0] < 1.5 * caption.estimate(1, config)[0]


def test_questions_wait_together(catalog, server, config):
    server.together = threading.Barrier(2)  # answers come only where two are asked at a time
    found = caption.caption(catalog, DataConfig(caption=dataclasses.replace(config, at_once=2)), note=str)
    assert found["endpoint"] == 2


def test_an_answer_that_came_is_kept_where_another_did_not(catalog, server, config):
    server.together, server.script = threading.Barrier(2), [401]
    with pytest.raises(ConnectionError, match="SKYLOOM_CAPTION_KEY"):
        caption.caption(catalog, DataConfig(caption=dataclasses.replace(config, at_once=2)), note=str)
    assert catalog.count("caption") == 3  # two from the sidecar


DENSE = json.dumps({"dense": "a dog {runs}"})


@pytest.mark.parametrize(
    "text,styles",
    [
        (DENSE, ["dense"]), (f"Here is the JSON: {DENSE} Enjoy!", ["dense"]),
        (f"```json\n{json.dumps(ANSWER)}\n```", ["sentence", "dense"]),
        (f'<think>{{"dense": "no"}} or so</think>{DENSE}', ["dense"]), (f'hm, {{"dense": "no"}}</think>{DENSE}', ["dense"]),
        (json.dumps({"captions": [ANSWER]}), ["sentence", "dense"]),
    ],
)  # fmt: skip
def test_captions_are_found_in_what_stands_around_them(text, styles):
    found = caption.parsed(text)
    assert [words["style"] for words in found] == styles and "no" not in [words["text"] for words in found]


@pytest.mark.parametrize(
    "text",
    [DENSE[:-4], "I cannot.", '{"caption": "a dog"}', '{"dense": ""}', '{"dense": 3}', "[1]", "  ", f"<think>{DENSE}"],
)
def test_what_is_no_caption_is_refused(text):
    with pytest.raises(Refused, match="no JSON object with short or dense"):
        caption.parsed(text)


def test_a_useless_answer_is_asked_again_and_then_left(catalog, server, config):
    server.says, notes = [DENSE[:-4], DENSE, "Sorry.", "Sorry."], []
    assert caption.caption(catalog, DataConfig(caption=config), note=notes.append)["endpoint"] == 1
    assert len(server.asked) == 4 and any("s1: no JSON object" in note for note in notes)
    assert [c["source"] for c in caption.captions_of(catalog, "s1")] == ["sidecar"]
    assert caption.caption(catalog, DataConfig(caption=config), note=str)["endpoint"] == 1  # a rerun asks for what is missing


def test_training_mixes_machine_and_people():
    both = [
        {"source": "sidecar", "style": "sentence", "text": "people"},
        {"source": "probe", "style": "dense", "text": "machine"},
    ]
    rng = np.random.default_rng(0)
    drawn = [caption.pick(both, rng) for _ in range(1000)]
    assert 20 < drawn.count("people") < 90
    assert caption.pick(both[:1], rng) == "people" and caption.pick([], rng) == ""


def test_a_reading_becomes_a_scene_and_its_words():
    fox = ActorReading("fox", ("run", "jump"), 2, "red", -1, {})
    hen = ActorReading("chicken", ("chase",), 1, "", 1, {})
    reading = Reading((fox, hen), "snow", "sunset", "clear", "pan left", {}, ())

    class Probe:
        def read(self, frames, fps):
            return reading

    scene = caption.scene_of(reading, 4.0)
    assert (scene.actors[0].count, scene.actors[0].actions, scene.actors[1].partner) == (2, ("run", "jump"), 0)
    said = caption.read_captions(Probe(), np.zeros((17, 32, 32, 3), np.uint8), 12.0)
    assert {(c["language"], c["style"]) for c in said} == {(a, b) for a in ("en", "zh") for b in ("tags", "sentence", "dense")}
    assert words_for(scene, "en", "dense") in [c["text"] for c in said]
