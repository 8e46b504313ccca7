"""Prompts told in full: by the grammar, and by a chat service that a local server stands in for."""

import http.server
import json
import threading

import pytest

from skyloom.generate import Request, generate
from skyloom.generate.expansion import expand
from skyloom.models.bundle import tiny_bundle

TOLD = "A red fox runs through a snowy forest at dawn. The camera follows it."


@pytest.fixture
def service():
    """A chat service: (its address, the requests it got, what it will answer: (status, body))."""
    got, answer = [], {"status": 200, "body": {"choices": [{"message": {"content": f"  {TOLD}\n"}}]}}

    class Desk(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, dict(self.headers), json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            body = answer["body"] if isinstance(answer["body"], bytes) else json.dumps(answer["body"]).encode()
            self.send_response(answer["status"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Desk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1", got, answer
        server.shutdown()
        thread.join()


def test_the_grammar_tells_what_is_open():
    told = expand(Request("a red fox", expand="local")).expanded
    assert "red fox" in told and len(told) > 40
    assert expand(Request("a red fox", expand="local", seed=1)).expanded != told
    assert "camera" not in expand(Request("a red fox", expand="local", seconds=0)).expanded
    plain = Request("a red fox")
    assert expand(plain) is plain


def test_a_service_is_asked_once_and_its_answer_kept(service, monkeypatch):
    address, got, _ = service
    monkeypatch.setenv("SKYLOOM_CHAT_KEY", "secret")
    film = generate(Request("a red fox", expand=address, seconds=0, size="64x64", steps=1), bundle := tiny_bundle(0))
    path, headers, body = got[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer secret"
    assert body["messages"][-1] == {"role": "user", "content": "a red fox"}
    assert film.recipe["expanded"] == TOLD and film.notes[0] == f"expanded: {TOLD}"
    assert "secret" not in json.dumps(film.recipe)
    again = generate(Request.from_recipe(film.recipe), bundle)
    assert len(got) == 1 and (again.frames == film.frames).all()  # the recipe needs no service


@pytest.mark.parametrize(
    "status, body, says",
    [
        (401, {}, "answered 401"),
        (200, {"error": "busy"}, "something else than a chat completion"),
        (200, b"<html>", "else than"),
    ],
)
def test_services_that_fail_are_named(service, status, body, says):
    address, _, answer = service
    answer.update(status=status, body=body)
    with pytest.raises(RuntimeError, match=says):
        expand(Request("a red fox", expand=address))


def test_a_service_that_is_not_there():
    with pytest.raises(RuntimeError, match=r"no answer .*Try --expand local"):
        expand(Request("a red fox", expand="http://127.0.0.1:9/v1"))
