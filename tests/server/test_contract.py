"""The contract without a worker: bodies, errors, pages, queue, keys, doors."""

import http.client
import json
import logging
import re
import urllib.error
import urllib.request

import numpy as np
import openai
import pydantic
import pytest
from conftest import Server

from skyloom.base.video import encode
from skyloom.server import auth, logs, wire

CLIP = encode(np.full((6, 64, 64, 3), 90, np.uint8), 12, "mp4")
FORM = {"headers": {"Content-Type": "multipart/form-data"}}
SHORT = {"seconds": "0.5", "size": "64x64"}


@pytest.fixture(scope="module")
def client(quiet):
    return quiet.client()


@pytest.fixture(autouse=True)
def _empty(quiet):
    """Each test has the queue for itself."""
    yield
    for job in quiet.service.store.page("video", None, None, 100, True)[0]:
        quiet.service.delete(job)


def raw(quiet, method, path, body=None, **headers):
    """(status, headers, JSON) of a call made by hand."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    if isinstance(body, dict):
        headers.setdefault("content-type", "application/json")
    request = urllib.request.Request(f"{quiet.url}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, json.load(error)


def test_a_job_is_committed_before_the_answer(client, quiet):
    film = client.videos.create(prompt="a fox", seconds="0.5")
    assert (film.status, film.progress, film.size, film.model) == ("queued", 0, "720x1280", "tiny")
    assert quiet.service.store.get(film.id).status == "queued"
    assert film.native["size"] == "64x96" and film.queue_position == 0


def test_all_thirteen_keys_are_there(client, quiet):
    film = client.videos.create(prompt="a fox", **SHORT)
    _, headers, body = raw(quiet, "GET", f"/v1/videos/{film.id}")
    keys = "id object model status progress created_at completed_at expires_at prompt size seconds remixed_from_video_id error"
    assert set(keys.split()) <= set(body)
    assert headers["x-request-id"].startswith("req_") and int(headers["openai-poll-after-ms"]) > 0


def test_json_and_forms_say_the_same(client):
    extra = {"seed": 7, "num_inference_steps": 3, "negative_prompt": "rain"}
    form = client.videos.create(prompt="a fox", **SHORT, extra_body=extra)
    as_json = {"extra_headers": {"Content-Type": "application/json"}, "extra_body": extra}
    plain = client.videos.create(prompt="a fox", **SHORT, **as_json)
    same = ("prompt", "seconds", "size", "seed", "native", "model")
    assert [getattr(form, name) for name in same] == [getattr(plain, name) for name in same]


def test_pages_in_both_orders(client):
    ids = [client.videos.create(prompt=f"a fox {i}", **SHORT).id for i in range(5)]
    assert [film.id for film in client.videos.list(limit=2)] == ids[::-1]
    assert [film.id for film in client.videos.list(limit=2, order="asc")] == ids
    first = client.videos.list(limit=2, order="asc")
    assert first.has_more and (first.first_id, first.last_id) == (ids[0], ids[1])
    client.videos.delete(ids[1])
    assert [film.id for film in client.videos.list(after=ids[1], order="asc")] == ids[2:]  # the place outlives the film


@pytest.mark.parametrize(
    "changes, param, status",
    [
        ({"size": "12x12"}, "size", 400),
        ({"size": "99999x99999"}, "size", 400),
        ({"size": "abc"}, "size", 400),
        ({"seconds": "1e9"}, "seconds", 400),
        ({"seconds": "nan"}, "seconds", 400),
        ({"seconds": "-4"}, "seconds", 400),
        ({"model": "sora-9"}, "model", 404),
        ({"prompt": "  "}, "prompt", 400),
        ({"prompt": "x" * 32_001}, "prompt", 400),
        ({"prompt": "a beheading in the snow"}, "prompt", 400),
        ({"prompt": "a fox " * 1000 + "beheading"}, "prompt", 400),
        ({"extra_body": {"storyboard": '[{"at": 0, "prompt": "a beheading"}]'}}, "storyboard", 400),
        ({"extra_body": {"negative": "a beheading", "guidance": 0}}, "negative", 400),
        ({"extra_body": {"steps": 10**6}}, "steps", 400),
        ({"extra_body": {"sed": 1}}, "sed", 400),
        ({"extra_body": {"characters": [{"id": "c"}]}}, "characters", 400),
    ],
)
def test_bad_values_are_told_once(quiet, changes, param, status):
    client = quiet.client(max_retries=2)
    with pytest.raises(openai.APIStatusError) as error:
        client.videos.create(**{"prompt": "a fox", **SHORT, **changes})
    assert (error.value.status_code, error.value.param) == (status, param)
    assert error.value.type == "invalid_request_error" and error.value.code and error.value.request_id.startswith("req_")
    assert quiet.service.store.open_jobs() == []


@pytest.mark.parametrize(
    "method, path, body, headers, status",
    [
        ("POST", "/v1/videos", b"{", {"content_type": "application/json"}, 400),
        ("POST", "/v1/videos", b"[" * 100_000, {"content_type": "application/json"}, 400),
        ("POST", "/v1/videos", b"[]", {"content_type": "application/json"}, 400),
        ("POST", "/v1/videos", b"x", {"content_type": "text/plain"}, 415),
        ("POST", "/v1/videos", b"x", {"content_type": "multipart/form-data"}, 400),
        ("POST", "/v1/videos", b"--b\r\nbroken", {"content_type": "multipart/form-data; boundary=b"}, 400),
        ("GET", "/v1/videos?limit=101", None, {}, 400),
        ("GET", "/v1/videos?order=up", None, {}, 400),
        ("GET", "/v1/videos/..%2f..%2fetc%2fpasswd", None, {}, 404),
        ("GET", "/v1/videos/video_nope/content", None, {}, 404),
        ("GET", "/v1/nothing", None, {}, 404),
        ("PUT", "/v1/videos", b"", {}, 405),
        ("POST", "/v1/videos", {"prompt": "\ud800"}, {}, 400),
        ("POST", "/v1/videos", {"prompt": "a fox\0"}, {}, 400),
        ("POST", "/v1/videos", {"prompt": "a fox", "storyboard": [{"at": 0, "prompt": "a\0"}]}, {}, 400),
        ("POST", "/v1/videos", {"prompt": "a fox", "storyboard": '[{"at": 0, "prompt": "a\\u0000"}]'}, {}, 400),
        ("POST", "/v1/videos", {"prompt": "a fox", "characters": [{"id": "\0"}]}, {}, 400),
        ("GET", "/v1/videos/%00", None, {}, 404),
        ("GET", "/v1/videos?after=%00", None, {}, 400),
        ("GET", "/v1/skyloom/videos?search=%00", None, {}, 400),
        ("GET", "/v1/videos/characters/%00", None, {}, 404),
        ("GET", "/v1/webhook_endpoints/%00", None, {}, 404),
        ("POST", "/v1/videos/video_nope/remix", {"prompt": "x"}, {}, 404),
        (
            "POST",
            "/v1/webhook_endpoints",
            {"name": "x", "url": "http://127.0.0.1/", "event_types": ["video.completed"]},
            {},
            400,
        ),
        ("POST", "/v1/webhook_endpoints", {"name": "x", "url": "file:///etc/passwd", "event_types": ["video.failed"]}, {}, 400),
    ],
)
def test_bad_calls_get_the_right_code_and_shape(quiet, method, path, body, headers, status):
    got, _, answer = raw(quiet, method, path, body, **headers)
    assert got == status
    assert set(answer["error"]) == {"message", "type", "param", "code"} and answer["error"]["message"]


def test_a_body_beyond_the_ceiling_is_heard_to_its_end(quiet, monkeypatch):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "max_body", 10_000)
    status, _, answer = raw(quiet, "POST", "/v1/videos", b"x" * 30_000, content_type="application/json")
    assert status == 413 and answer["error"]["code"] == "body_too_large"
    connection = http.client.HTTPConnection("127.0.0.1", quiet.port)
    connection.request("POST", "/v1/videos", iter([b"x" * 6000] * 2), {"content-type": "application/json"}, encode_chunked=True)
    with connection.getresponse() as answer:
        assert answer.status == 413
    connection.close()


def test_content_that_is_not_there_yet(client):
    film = client.videos.create(prompt="a fox", **SHORT)
    with pytest.raises(openai.NotFoundError) as error:
        client.videos.download_content(film.id)
    assert error.value.code == "video_not_ready"


def test_an_idempotency_key_makes_one_job(client, quiet):
    header = {"Idempotency-Key": "once"}
    first = client.videos.create(prompt="a fox", **SHORT, extra_headers=header)
    assert client.videos.create(prompt="a fox", **SHORT, extra_headers=header).id == first.id
    assert len(quiet.service.store.open_jobs()) == 1
    with pytest.raises(openai.ConflictError) as error:
        client.videos.create(prompt="a cat", **SHORT, extra_headers=header)
    assert error.value.response.headers["x-should-retry"] == "false"


def test_the_beginning_of_a_long_prompt_is_read_and_a_note_says_so(client, quiet):
    words = "a red fox runs " * 2000
    extra = {"storyboard": json.dumps([{"at": 0, "prompt": words}]), "negative": "a cat"}
    film = client.videos.create(prompt=words, **SHORT, extra_body=extra)
    options = quiet.service.store.get(film.id).request["options"]
    assert film.prompt == words and words.startswith(options["prompt"]) and 1990 < len(options["prompt"]) <= 2000
    assert options["shots"][0]["text"] == options["prompt"]
    told = "has 29999 characters: the first 2000 are read"
    assert film.notes == [f"'prompt' {told}", f"'storyboard' {told}"]
    _, _, read = raw(quiet, "POST", "/v1/skyloom/prompt", {"prompt": words})
    assert words.startswith(read["prompt"]) and read["notes"][0] == f"'prompt' {told}"


def test_every_text_that_is_filmed_is_judged(client, quiet, monkeypatch):
    """Also what a film is led to, and what comes of it when a description takes the place of a name."""
    with pytest.raises(openai.BadRequestError) as error:
        body = {"then": "a beheading", "to": ("t.mp4", CLIP, "video/mp4"), "video": ("v.mp4", CLIP, "video/mp4")}
        files = {name: body.pop(name) for name in ("to", "video")}
        client.post("/videos", body={"prompt": "a fox", **body}, files=files, cast_to=dict, options=FORM)
    assert (error.value.param, error.value.code) == ("then", "moderation_blocked")
    made = client.videos.create_character(name="Rusty", video=("c.mp4", CLIP, "video/mp4"), extra_body={"description": "a be"})
    ask = lambda: client.videos.create(prompt="Rusty heading home", **SHORT, extra_body={"characters": [{"id": made.id}]})  # noqa: E731
    ask()
    monkeypatch.setattr(quiet.service.moderator, "pattern", re.compile("be heading"))
    with pytest.raises(openai.BadRequestError) as error:
        ask()
    assert error.value.code == "moderation_blocked"
    client.delete(f"/videos/characters/{made.id}", cast_to=dict)


def test_the_names_of_hosted_models_are_taken(client, quiet):
    for model in ("sora-2-pro", "gpt-image-1", "dall-e-3"):
        order = quiet.service.orders
        jobs = order.images(wire.check(wire.ImageGenerate, {"prompt": "a fox", "n": None, "model": model}), auth.Caller())
        assert [job.model for job in jobs] == [model]
        quiet.service.delete(jobs[0])


def test_a_key_stands_for_one_path(client, quiet):
    films = [client.videos.create(prompt="a fox", **SHORT) for _ in range(2)]
    for film in films:
        job = quiet.service.store.claim(film.id, "w")
        quiet.service.media.put(film.id, "film.mp4", CLIP)
        assert quiet.service.store.complete(job, {}, 0, lambda c: None)
    header = {"Idempotency-Key": "remix"}
    first = client.videos.remix(films[0].id, prompt="a cat", extra_headers=header)
    assert client.videos.remix(films[0].id, prompt="a cat", extra_headers=header).id == first.id
    with pytest.raises(openai.ConflictError):
        client.videos.remix(films[1].id, prompt="a cat", extra_headers=header)


def test_a_character_is_made_once_for_a_key(client, quiet):
    header = {"extra_headers": {"Idempotency-Key": "somebody"}}
    made = [client.videos.create_character(name="Rusty", video=("c.mp4", CLIP, "video/mp4"), **header) for _ in range(2)]
    assert made[0].id == made[1].id and len(quiet.service.store.characters(None)) == 1
    with pytest.raises(openai.ConflictError):
        client.videos.create_character(name="Tom", video=("c.mp4", CLIP, "video/mp4"), **header)
    client.delete(f"/videos/characters/{made[0].id}", cast_to=dict)
    assert client.videos.create_character(name="Rusty", video=("c.mp4", CLIP, "video/mp4"), **header).id != made[0].id
    for character in quiet.service.store.characters(None):
        quiet.service.characters.delete(character)


def test_only_admins_go_before_others(quiet, monkeypatch):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "require_key", True)
    alice, admin = (auth.new_key(quiet.service.store, "x", scopes)[0] for scopes in (("read", "write"), ("write", "admin")))
    for priority in (50, 100):
        quiet.client(alice).videos.create(prompt="a fox", **SHORT, extra_body={"priority": priority})
    with pytest.raises(openai.PermissionDeniedError, match="priority=49") as error:
        quiet.client(alice).videos.create(prompt="a fox", **SHORT, extra_body={"priority": 49})
    assert (error.value.param, error.value.code) == ("priority", "missing_scope")
    quiet.client(admin).videos.create(prompt="a fox", **SHORT, extra_body={"priority": 1})


def test_the_log_ties_a_call_to_its_job(quiet, capsys, caplog, monkeypatch):
    handler = logs.ToStandardError()
    handler.setFormatter(logs.AsJson())
    logger = logging.getLogger("skyloom.server")
    caplog.set_level(logging.INFO, logger.name)
    monkeypatch.setattr(logger, "handlers", [handler])
    _, headers, film = raw(quiet, "POST", "/v1/videos", {"prompt": "a fox", **SHORT})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["message"] == "queued"]
    assert (line["request"], line["job"]) == (headers["x-request-id"], film["id"])


def test_a_waiting_job_is_cancelled_at_once(client, quiet):
    film = client.videos.create(prompt="a fox", **SHORT)
    status, _, answer = raw(quiet, "POST", f"/v1/videos/{film.id}/cancel")
    assert status == 200 and answer["status"] == "failed" and answer["error"]["code"] == "cancelled"
    assert quiet.service.store.claim(film.id, "worker_x") is None


def test_the_place_in_the_queue_follows_priority(client):
    films = [client.videos.create(prompt="a fox", **SHORT, extra_body={"priority": p}) for p in (50, 50, 1)]
    assert [client.videos.retrieve(film.id).queue_position for film in films] == [1, 2, 0]


def test_a_full_queue_says_when_to_come_back(client, quiet, monkeypatch):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "max_waiting", 1)
    client.videos.create(prompt="a fox", **SHORT)
    with pytest.raises(openai.RateLimitError) as error:
        client.videos.create(prompt="a fox", **SHORT)
    assert error.value.response.headers["retry-after"] == "30"
    assert len(quiet.service.store.open_jobs()) == 1


def test_keys_open_only_what_they_may(quiet, monkeypatch):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "require_key", True)
    store = quiet.service.store
    both = ("read", "write")
    alice, row = auth.new_key(store, "alice", both, daily=1)
    bob, reader, admin = (auth.new_key(store, "x", scopes)[0] for scopes in (both, ("read",), ("admin",)))
    with pytest.raises(openai.AuthenticationError) as error:
        quiet.client("wrong").videos.list()
    assert error.value.code == "invalid_api_key"
    film = quiet.client(alice).videos.create(prompt="a fox", **SHORT)
    with pytest.raises(openai.RateLimitError, match="quota of 1"):
        quiet.client(alice).videos.create(prompt="a fox", **SHORT)
    with pytest.raises(openai.NotFoundError):
        quiet.client(bob).videos.retrieve(film.id)
    with pytest.raises(openai.PermissionDeniedError):
        quiet.client(reader).videos.create(prompt="a fox", **SHORT)
    assert [v.id for v in quiet.client(admin).videos.list()] == [film.id] and list(quiet.client(bob).videos.list()) == []
    assert alice not in str(store.keys()) and store.revoke_key(row.id)
    with pytest.raises(openai.AuthenticationError):
        quiet.client(alice).videos.retrieve(film.id)


def test_pages_of_other_sites_stay_out(quiet):
    assert raw(quiet, "GET", "/v1/videos", host="evil.example")[0] == 403
    assert raw(quiet, "GET", "/v1/videos", origin="https://evil.example")[0] == 403
    assert raw(quiet, "GET", "/v1/videos", origin="null")[0] == 403
    for broken in ("http://[", "//[::1", "http://[x]"):
        assert raw(quiet, "GET", "/v1/videos", origin=broken)[0] == 403
    assert raw(quiet, "GET", "/v1/videos", origin=quiet.url)[0] == 200


def test_without_a_worker_it_is_alive_but_not_ready(quiet):
    assert raw(quiet, "GET", "/healthz")[0] == 200
    status, _, answer = raw(quiet, "GET", "/readyz")
    assert status == 503 and answer["database"] and not answer["worker"]


def test_the_api_page_describes_both_bodies(quiet):
    _, _, schema = raw(quiet, "GET", "/openapi.json")
    content = schema["paths"]["/v1/videos"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    known = schema["components"]["schemas"]
    assert {"VideoCreate", "VideoEdit", "Video", "ErrorBody"} <= set(known) and "seed" in known["VideoCreate"]["properties"]
    assert {"prompt", "unknown", "wordless", "instead", "notes", "expanded"} == set(known["PromptReading"]["properties"])


def test_figures_for_prometheus(client, quiet):
    client.videos.create(prompt="a fox", **SHORT)
    with urllib.request.urlopen(f"{quiet.url}/metrics") as answer:
        text = answer.read().decode()
    assert 'skyloom_jobs{state="queued"} 1.0' in text
    assert 'skyloom_http_requests_total{method="POST",route="/v1/videos",status="200"}' in text


def test_nobody_adds_figures_by_inventing_methods(quiet):
    for name in ("FOX", "CAT", "get"):
        raw(quiet, name, "/v1/videos")
    with urllib.request.urlopen(f"{quiet.url}/metrics") as answer:
        text = answer.read().decode()
    assert 'method="other"' in text and not any(f'method="{name}"' in text for name in ("FOX", "CAT", "get"))


def test_the_first_call_builds_nothing(tmp_path, model, monkeypatch):
    """What a route reads is made with the application: two threads that make it under their first calls disturb each other."""

    def build(*_args, **_kwargs):
        raise AssertionError("built under a call")

    server = Server(tmp_path, model)
    try:
        monkeypatch.setattr(pydantic.TypeAdapter, "__init__", build)
        for path in ("/v1/videos?limit=3", "/openapi.json"):
            assert urllib.request.urlopen(server.url + path).status == 200
    finally:
        server.close()
