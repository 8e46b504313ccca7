"""Calls that wait for stills: what they leave behind when nobody waits any more, repeats, manifests, pictures by id."""

import base64
import contextlib
import http.client
import io
import json

import openai
import pytest
from conftest import Server, png, until
from PIL import Image

from skyloom.server import provenance

CALL = {"prompt": "a fox", "size": "64x64", "n": 3}
QUICK = {"steps": 4, "seed": 1}
JSON = {"Content-Type": "application/json"}


def hang_up(server, body, **headers):
    """Ask for stills, and go when they are in the queue; returns them."""
    before = {job.id for job in server.service.store.open_jobs()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/v1/images/generations", json.dumps(body), JSON | headers)
    new = lambda: [job.id for job in server.service.store.open_jobs() if job.id not in before]  # noqa: E731
    ids = until(lambda: len(new()) == body["n"] and new())
    connection.close()
    return ids


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_leaves_no_job(quiet, stream):
    ids = hang_up(quiet, CALL | {"stream": stream})
    until(lambda: not any(quiet.service.store.get(id).open for id in ids), 20)


def test_one_that_fails_takes_its_siblings_along(quiet):
    body = CALL | {"prompt": "a cat"}
    connection = http.client.HTTPConnection("127.0.0.1", quiet.port)
    connection.request("POST", "/v1/images/generations", json.dumps(body), JSON)
    ids = until(lambda: len(jobs := quiet.service.store.open_jobs()) == 3 and [job.id for job in jobs])
    quiet.service.cancel(quiet.service.store.get(ids[1]))
    quiet.service.cancel(quiet.service.store.get(ids[0]))
    with contextlib.closing(connection), connection.getresponse() as answer:
        assert answer.status == 400 and json.load(answer)["error"]["code"] == "cancelled"
    assert not any(quiet.service.store.get(id).open for id in ids)


def test_a_key_makes_the_stills_of_one_call_and_they_outlast_it(tmp_path, model):
    server = Server(tmp_path, model)
    try:
        ids = hang_up(server, CALL | QUICK, **{"Idempotency-Key": "once"})
        server.hire()
        client, header = server.client(), {"Idempotency-Key": "once"}
        answers = [client.images.generate(**CALL, extra_body=QUICK, extra_headers=header) for _ in range(2)]
        assert [item.b64_json for item in answers[0].data] == [item.b64_json for item in answers[1].data]
        assert server.service.store.counts()["completed"] == 3
        assert {server.service.store.get(id).status for id in ids} == {"completed"}
        with pytest.raises(openai.ConflictError):
            client.images.generate(**CALL | {"n": 2}, extra_body=QUICK, extra_headers=header)
    finally:
        server.close()


def saved(item, folder, suffix):
    path = folder / f"f.{suffix}"
    path.write_bytes(base64.b64decode(item.b64_json))
    return path


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_stills_of_all_formats_say_the_same(client, served, tmp_path, format):
    files = {"image": ("a.png", png(), "image/png")}
    answer = client.images.edit(prompt="a fox", **files, output_format=format, extra_body=QUICK)
    report = provenance.verify(saved(answer.data[0], tmp_path, format.replace("jpeg", "jpg")))
    assert report["intact"] and report["recipe"]["prompt"] == "a fox" and report["recipe"]["seed"] == 1
    assert [(each["title"], each["relation"]) for each in report["sources"]] == [("clip.png", provenance.PARENT)]


def test_pictures_on_their_way_are_signed_too(client, tmp_path):
    options = {"prompt": "a fox", "stream": True, "partial_images": 1, "size": "64x64", "extra_body": {"steps": 4}}
    for format in ("png", "jpeg"):
        events = list(client.images.generate(**options, output_format=format))
        assert len(events) == 2
        assert all(provenance.verify(saved(event, tmp_path, format.replace("jpeg", "jpg")))["intact"] for event in events)


def test_pictures_may_be_named_by_id(client, served):
    url = client.images.generate(prompt="a fox", size="64x64", response_format="url", extra_body=QUICK).data[0].url
    still = url.split("/")[-2]
    stored = Image.open(io.BytesIO(client._client.get(url).content)).tobytes()
    film = client.videos.create_and_poll(prompt="a fox", seconds="0.5", size="64x64", extra_body=QUICK).id
    for id in (still, film):
        body = QUICK | {"input_reference": {"file_id": id}, "seconds": "0.5", "size": "64x64"}
        made = client.post("/videos", body={"prompt": "a fox runs", **body}, cast_to=dict)
        given = Image.open(io.BytesIO(served.service.media.path(made["id"], "image.png").read_bytes()))
        assert given.size == (64, 64) and (id == film or given.tobytes() == stored)
        assert client.videos.poll(made["id"], poll_interval_ms=50).status == "completed"
    answer = client.post("/images/edits", body={"prompt": "a cat", "images": [{"file_id": still}], **QUICK}, cast_to=dict)
    assert answer["data"]
    with pytest.raises(openai.BadRequestError, match="No video with the id 'video_x'") as error:
        client.videos.create(prompt="a fox", extra_body={"input_reference": {"file_id": "video_x"}})
    assert error.value.param == "input_reference"
