"""What goes beyond films from words: stills, webhooks, signatures, moderation, the verbs of the command line."""

import base64
import http.server
import io
import json
import threading

import openai
import pytest
from conftest import Server, until
from PIL import Image

from skyloom.cli import run
from skyloom.server import provenance, webhooks

SHORT = {"seconds": "0.5", "size": "64x64", "extra_body": {"steps": 1}}


class Ear:
    """A web server on loopback that keeps what it is sent, and answers as it is told."""

    def __init__(self):
        self.heard, self.answers = [], []
        ear = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                ear.heard.append((dict(self.headers), body))
                self.send_response(ear.answers.pop(0) if ear.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, model):
    """A server that may call loopback, with one worker."""
    server = Server(tmp_path_factory.mktemp("home"), model, webhook_private=True)
    server.hire()
    yield server
    server.close()


@pytest.fixture(scope="module")
def film(client):
    return client.videos.create_and_poll(prompt="a red fox runs", **SHORT)


@pytest.fixture(scope="module")
def file(film, client, tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "fox.mp4"
    client.videos.download_content(film.id).write_to_file(path)
    return path


def test_a_film_says_who_signed_it(file, served):
    root = (served.settings.root / "signing" / "root.pem").read_text()
    report = provenance.verify(file, root)
    assert report["signed"] and report["intact"] and report["trusted"] and report["problems"] == []
    assert report["by"] == "Skyloom" and report["recipe"]["prompt"] == "a red fox runs"
    assert str(served.settings.root) not in json.dumps(report["recipe"])
    stranger = provenance.verify(file)
    assert stranger["intact"] and not stranger["trusted"]


def test_one_changed_byte_is_seen(file, tmp_path):
    data = bytearray(file.read_bytes())
    data[data.find(b"mdat") + 40] ^= 1
    (tmp_path / "bad.mp4").write_bytes(data)
    report = provenance.verify(tmp_path / "bad.mp4")
    assert report["signed"] and not report["intact"] and report["problems"]


def test_verify_on_the_command_line(file, served, tmp_path, capsys):
    home = ["--home", str(served.settings.root)]
    assert run(["verify", str(file), *home]) == 0
    out = capsys.readouterr().out
    assert "intact; signed by Skyloom, trusted" in out and "a red fox runs" in out
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    assert run(["verify", str(tmp_path / "plain.png"), *home]) == 1
    assert "not signed" in capsys.readouterr().out
    assert run(["verify", str(tmp_path / "no.mp4"), *home]) == 2


def test_stills_in_three_formats(client, tmp_path):
    answer = client.images.generate(prompt="a fox in the snow", n=2, size="96x64", extra_body={"steps": 1, "seed": 3})
    pictures = [Image.open(io.BytesIO(base64.b64decode(item.b64_json))) for item in answer.data]
    assert [(picture.size, picture.format) for picture in pictures] == [((96, 64), "PNG")] * 2
    assert pictures[0].tobytes() != pictures[1].tobytes() and answer.size == "96x64"
    webp = client.images.generate(prompt="a fox", size="64x64", output_format="webp", extra_body={"steps": 1}).data[0]
    path = tmp_path / "fox.webp"
    path.write_bytes(base64.b64decode(webp.b64_json))
    assert Image.open(io.BytesIO(path.read_bytes())).format == "WEBP" and provenance.verify(path)["intact"]
    url = client.images.generate(prompt="a fox", size="64x64", response_format="url", extra_body={"steps": 1}).data[0].url
    assert Image.open(io.BytesIO(client._client.get(url).content)).size == (64, 64)


def test_a_still_as_a_stream(client):
    events = list(client.images.generate(prompt="a fox", size="64x64", stream=True, extra_body={"steps": 1}))
    assert [event.type for event in events] == ["image_generation.completed"]
    assert base64.b64decode(events[0].b64_json)[:4] == b"\x89PNG"


def test_stills_are_not_among_the_films(client, film):
    assert all(video.id.startswith("video_") for video in client.videos.list())


def test_a_webhook_can_be_trusted(client, served):
    ear = Ear()
    made = client.webhooks.create(name="ear", url=ear.url, event_types=["video.completed", "video.failed"])
    film = client.videos.create_and_poll(prompt="a fox", **SHORT)
    until(lambda: ear.heard)
    headers, body = ear.heard[0]
    event = client.webhooks.unwrap(body, headers, secret=made.signing_secret)
    assert (event.type, event.data.id) == ("video.completed", film.id)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        client.webhooks.unwrap(body, headers, secret=webhooks.new_secret())
    assert client.webhooks.retrieve(made.id).url == ear.url
    assert client.webhooks.delete(made.id).deleted
    ear.close()


def test_an_endpoint_that_stumbles_is_asked_again(client, monkeypatch):
    monkeypatch.setattr("skyloom.server.jobs.RETRIES", (0.1, 0.1))
    ear = Ear()
    ear.answers = [500, 302]
    made = client.webhooks.create(name="ear", url=ear.url, event_types=["video.failed"])
    film = client.videos.create(prompt="a fox", seconds="1", size="64x64", extra_body={"steps": 100, "priority": 99})
    client.post(f"/videos/{film.id}/cancel", cast_to=dict)
    until(lambda: len(ear.heard) == 3)
    assert len({json.loads(body)["id"] for _, body in ear.heard}) == 1
    assert len({headers["webhook-signature"] for headers, _ in ear.heard}) >= 1
    client.webhooks.delete(made.id)
    ear.close()


def test_both_secrets_sign_after_a_rotation(client):
    ear = Ear()
    made = client.webhooks.create(name="ear", url=ear.url, event_types=["video.failed"])
    new = client.post(
        f"/webhook_endpoints/{made.id}/rotate_secret", body={"keep_old_secret_active_for_24_hours": True}, cast_to=dict
    )
    said = client.post(f"/webhook_endpoints/{made.id}/test", body={"event_type": "video.failed"}, cast_to=dict)
    assert said["success"] and said["status_code"] == 200
    headers, body = ear.heard[0]
    for secret in (made.signing_secret, new["signing_secret"]):
        assert client.webhooks.unwrap(body, headers, secret=secret).type == "video.failed"
    client.webhooks.delete(made.id)
    ear.close()


def test_the_verbs_of_the_command_line(film, served, tmp_path, capsys):
    server = ["--server", served.url]
    assert run(["jobs", *server, "--limit", "200"]) == 0
    assert film.id in capsys.readouterr().out
    assert run(["wait", film.id, *server]) == 0
    assert run(["fetch", film.id, *server, "-o", str(tmp_path / "fox.mp4")]) == 0
    assert (tmp_path / "fox.mp4").read_bytes()[4:8] == b"ftyp"
    assert run(["cancel", film.id, *server]) == 0
    assert "completed" in capsys.readouterr().out
    assert run(["wait", "video_nope", *server]) == 2
    assert run(["jobs", "--server", "http://127.0.0.1:9"]) == 1
    assert "Start one: skyloom serve" in capsys.readouterr().err
