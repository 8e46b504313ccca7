"""Pictures: edits, masks, partial pictures in a stream; and a classifier that judges what comes in and goes out."""

import base64
import http.server
import io
import json
import threading

import numpy as np
import openai
import pytest
from conftest import Server, png
from PIL import Image

QUICK = {"steps": 1, "seed": 1}


class Judge:
    """A classifier on loopback: flags words and shades that it is told; keeps what it saw."""

    def __init__(self):
        self.seen, self.bad_word, self.darkest, self.broken = [], "forbidden", None, False
        judge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                item = json.loads(self.rfile.read(int(self.headers["content-length"])))["input"][0]
                judge.seen.append(item["type"])
                body = json.dumps({"results": [{"flagged": judge.flags(item), "categories": {"gloom": True, "joy": False}}]})
                self.send_response(500 if judge.broken else 200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1/moderations"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def flags(self, item):
        if item["type"] == "text":
            return self.bad_word in item["text"]
        data = base64.b64decode(item["image_url"]["url"].partition(",")[2])
        shade = np.asarray(Image.open(io.BytesIO(data))).mean()
        return self.darkest is not None and bool(shade < self.darkest)


@pytest.fixture(scope="module")
def judge():
    judge = Judge()
    yield judge
    judge.server.shutdown()
    judge.server.server_close()


@pytest.fixture(scope="module")
def client(tmp_path_factory, model, judge):
    server = Server(tmp_path_factory.mktemp("home"), model, moderator=judge.url)
    server.hire()
    yield server.client()
    server.close()


def opened(item):
    return Image.open(io.BytesIO(base64.b64decode(item.b64_json)))


def test_a_picture_is_edited_where_the_mask_is_transparent(client):
    hole = np.full((64, 64), 255, np.uint8)
    hole[:32] = 0
    files = {"image": ("a.png", png(), "image/png"), "mask": ("m.png", png(alpha=hole), "image/png")}
    answer = client.images.edit(prompt="a fox", **files, n=2, extra_body=QUICK)
    one, other = (np.asarray(opened(item).convert("RGB")).astype(int) for item in answer.data)
    assert one.shape == (64, 64, 3) and (one[52:] == 128).all() and np.abs(one[:20] - 128).mean() > 3
    assert (one != other).any() and answer.size == "64x64"


def test_edits_as_json_and_of_a_wanted_size(client):
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    body = {"prompt": "a fox", "images": [{"image_url": url}], "strength": 0, "size": "96x64", **QUICK}
    answer = client.post("/images/edits", body=body, cast_to=dict)
    picture = Image.open(io.BytesIO(base64.b64decode(answer["data"][0]["b64_json"])))
    assert picture.size == (96, 64)
    answer = client.images.edit(prompt="a fox", image=[("a.png", png(), "image/png")], extra_body=QUICK)
    assert opened(answer.data[0]).size == (64, 64)


@pytest.mark.parametrize("edit, steps", [(False, 6), (True, 4)])
def test_partial_pictures_come_before_the_whole(client, edit, steps):
    options = {"prompt": "a fox", "stream": True, "partial_images": 2, "size": "64x64", "extra_body": {"steps": steps}}
    if edit:
        events = list(client.images.edit(image=("a.png", png(), "image/png"), **options))
    else:
        events = list(client.images.generate(**options, output_format="webp"))
    kind = "image_edit" if edit else "image_generation"
    assert [event.type for event in events] == [f"{kind}.partial_image"] * 2 + [f"{kind}.completed"]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]
    assert [opened(event).size for event in events] == [(64, 64)] * 3
    assert {opened(event).format for event in events} == {"PNG" if edit else "WEBP"}
    assert len({event.b64_json for event in events}) == 3


@pytest.mark.parametrize(
    "files, param",
    [
        ({}, "image"),
        ({"image": [("a.png", png(), "image/png")] * 2}, "image"),
        ({"image": ("a.png", b"x", "image/png")}, "image"),
        ({"image": ("a.png", png(), "image/png"), "mask": ("m.png", png(size=(32, 32)), "image/png")}, "mask"),
    ],
)
def test_what_cannot_be_edited(client, files, param):
    with pytest.raises(openai.BadRequestError) as error:
        if files:
            client.images.edit(prompt="a fox", **files)
        else:
            client.post("/images/edits", body={"prompt": "a fox"}, cast_to=dict)
    assert error.value.param == param


def test_a_classifier_judges_what_comes_in_and_goes_out(client, judge):
    judge.seen.clear()
    film = client.videos.create_and_poll(prompt="a fox", seconds="0.5", size="64x64", extra_body=QUICK)
    assert film.status == "completed" and judge.seen[0] == "text" and "image_url" in judge.seen
    with pytest.raises(openai.BadRequestError, match="gloom") as error:
        client.videos.create(prompt="a forbidden fox")
    assert error.value.code == "moderation_blocked" and error.value.param == "prompt"
    judge.darkest = 50
    with pytest.raises(openai.BadRequestError, match="gloom") as error:
        client.videos.create(prompt="a fox", input_reference=("a.png", png(0), "image/png"))
    assert error.value.param == "input_reference"
    with pytest.raises(openai.BadRequestError, match="gloom") as error:
        client.videos.create_character(name="Mocha", video=("a.png", png(0), "image/png"))
    assert error.value.param == "video"
    judge.darkest = 256
    film = client.videos.create_and_poll(prompt="a fox", seconds="0.5", size="64x64", extra_body=QUICK)
    assert film.status == "failed" and film.error.code == "moderation_blocked"
    judge.darkest = None


def test_a_classifier_that_is_broken_lets_nothing_through(client, judge):
    judge.broken = True
    with pytest.raises(openai.InternalServerError) as error:
        client.videos.create(prompt="a fox")
    assert error.value.status_code == 503 and error.value.code == "moderation_unavailable"
    judge.broken = False
