"""What the studio asks beyond the Videos API."""

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

from conftest import png, until

from skyloom import generate
from skyloom.server.auth import Caller
from skyloom.server.watching import Watch


def call(server, path, body=None):
    """Status and body of one call."""
    data = None if body is None else json.dumps(body).encode()
    return answered(urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"}))


def answered(asked):
    try:
        with urllib.request.urlopen(asked) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_the_words_of_the_model_and_its_longest_film(quiet):
    status, about = call(quiet, "/v1/skyloom/server")
    assert status == 200
    assert about["words"] == ["a", "red", "fox", "runs", "in", "the", "snow"]
    assert about["longest"] == round(33 / about["fps"], 3)


def test_a_prompt_is_read(quiet):
    status, read = call(quiet, "/v1/skyloom/prompt", {"prompt": "a red foxx runs"})
    assert status == 200
    assert read["unknown"] == {"foxx": "fox"}
    assert read["expanded"] and read["wordless"] == []


def test_a_prompt_is_read_as_a_film_of_it_reads_it(quiet, model):
    """Only what a film does not know is unknown, and its notes are those of the film."""
    typed = "a donkey with a zorp runs very happily in the jungle 🛸"
    status, read = call(quiet, "/v1/skyloom/prompt", {"prompt": typed})
    assert status == 200
    assert "donkey" not in read["prompt"] and "in a forest" in read["prompt"]
    assert read["instead"] == [
        "donkey: not among what this model draws; a fox is drawn instead",
        "in the jungle: not in this model's world; read as 'in a forest'",
    ]
    assert "zorp" in read["unknown"] and not {"donkey", "jungle", "very", "the"} & {*read["unknown"]}
    assert {"donkey", "jungle"}.isdisjoint(re.findall("[a-z]+", read["expanded"].lower()))
    prompt, notes = generate.understand(typed, generate.Request(typed), generate.load_bundle(model))
    assert (read["prompt"], read["notes"]) == (prompt, notes)


def test_who_is_cast_plays_under_any_name(quiet):
    read = lambda **more: call(quiet, "/v1/skyloom/prompt", {"prompt": "a donkey and Zorp run", **more})[1]  # noqa: E731
    assert "zorp" in read()["unknown"] and "donkey" in read()["notes"][0]
    own = read(cast=["donkey", "Zorp"])
    assert own["prompt"] == "a donkey and Zorp run" and not {"zorp", "donkey"} & {*own["unknown"]} and not own["instead"]
    for wrong in ([""], ["x" * 41], list("abcde"), "fox"):
        assert call(quiet, "/v1/skyloom/prompt", {"prompt": "a fox", "cast": wrong})[0] == 400


def test_a_prompt_of_which_nothing_is_left_is_read_too(quiet):
    status, read = call(quiet, "/v1/skyloom/prompt", {"prompt": "no fox"})
    assert status == 200 and read["prompt"] == "" and read["expanded"]
    assert read["instead"] == read["notes"] == ["no fox: left out, since whatever is named is drawn"]


def test_an_expansion_keeps_to_its_seed(quiet):
    told = [call(quiet, "/v1/skyloom/prompt", {"prompt": "a fox", "seed": seed})[1]["expanded"] for seed in (1, 1, 2)]
    assert told[0] == told[1] != told[2]
    assert len(told[0]) > len("a fox")


def test_a_prompt_that_cannot_be_read_is_refused_with_a_reason(quiet):
    for body, code in (({"prompt": "  "}, "invalid_value"), ({}, "missing_required_parameter"), ([], "invalid_body")):
        status, answer = call(quiet, "/v1/skyloom/prompt", body)
        assert (status, answer["error"]["code"]) == (400, code)
    status, answer = call(quiet, "/v1/skyloom/prompt", {"prompt": "a fox", "seed": -1})
    assert status == 400 and "seed" in answer["error"]["message"]


def test_a_film_says_its_recipe_and_who_signed_it(served):
    made = call(served, "/v1/videos", {"prompt": "a red fox", "seconds": "0.5", "size": "64x64", "steps": 1, "seed": 7})[1]
    path = f"/v1/videos/{made['id']}"
    until(lambda: call(served, path)[1]["status"] == "completed")
    status, about = call(served, f"/v1/skyloom{path.removeprefix('/v1')}/recipe")
    assert status == 200
    assert about["recipe"]["prompt"] == "a red fox" and about["recipe"]["seed"] == 7
    assert about["provenance"]["signed"] and about["provenance"]["intact"] and about["provenance"]["trusted"]


def test_a_film_that_waits_has_no_recipe(quiet):
    made = call(quiet, "/v1/videos", {"prompt": "a red fox"})[1]
    status, answer = call(quiet, f"/v1/skyloom/videos/{made['id']}/recipe")
    assert (status, answer["error"]["code"]) == (404, "video_not_ready")
    assert call(quiet, "/v1/skyloom/videos/video_0/recipe")[0] == 404


def upload(server, path, data):
    """POST of a form with one file, `video`."""
    body = b'--x\r\nContent-Disposition: form-data; name="video"; filename="film"\r\n\r\n' + data + b"\r\n--x--\r\n"
    return answered(urllib.request.Request(server.url + path, body, {"Content-Type": "multipart/form-data; boundary=x"}))


@contextlib.contextmanager
def stream(server, last=None):
    """The stream of all open films, as an endless list of (event, data, id)."""
    asked = urllib.request.Request(server.url + "/v1/skyloom/events", headers={"Last-Event-ID": last} if last else {})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        yield events_of(answer)


def events_of(lines):
    said = {}
    for line in lines:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            said[name] = value
        elif "event" not in said:  # a sign of life
            yield "", {}, ""
        else:
            yield said["event"], json.loads(said["data"]), said["id"]
            said = {}


def first(events, wanted, patience=60):
    """The first event that is wanted. A stream says something all the time, so that a read never times out by itself."""
    end = time.monotonic() + patience
    for name, data, id in events:
        if wanted(name, data):
            return name, data, id
        assert time.monotonic() < end, f"still waiting, last told of: {name} {data}"
    raise AssertionError("the stream ended")


def film(server, prompt, **fields):
    fields = {"seconds": "0.5", "size": "64x64", "steps": 1, "seed": 7, **fields}
    made = call(server, "/v1/videos", {"prompt": prompt, **fields})[1]
    until(lambda: call(server, f"/v1/videos/{made['id']}")[1]["status"] == "completed")
    return made["id"]


def test_one_stream_tells_of_all_open_films(served):
    with stream(served) as events:
        assert next(events)[:2] == ("jobs", {"videos": []})
        made = call(served, "/v1/videos", {"prompt": "a red fox", "seconds": "8", "size": "64x64", "steps": 100})[1]
        name, video, _ = first(events, lambda name, data: data.get("status") == "in_progress")
        assert (name, video["id"]) == ("video", made["id"])
        preview = first(events, lambda name, _: name == "preview")[1]
        assert preview["id"] == made["id"] and preview["image"].startswith("data:image/webp;base64,UklGR")
        _, done, told = first(events, lambda name, data: data.get("status") == "completed")
        assert done["progress"] == 100
    with stream(served, told) as events:  # who comes back hears of what ended meanwhile
        assert made["id"] in [video["id"] for video in next(events)[1]["videos"]]
    with stream(served, "never") as events:
        assert next(events)[1]["videos"] == []


def test_the_stream_tells_of_places_in_the_queue_and_of_films_that_go(quiet):
    ids = [call(quiet, "/v1/videos", {"prompt": "a red fox"})[1]["id"] for _ in range(2)]
    before = call(quiet, f"/v1/videos/{ids[0]}")[1]["queue_position"]
    with stream(quiet) as events:
        told = {video["id"]: video["queue_position"] for video in next(events)[1]["videos"]}
        assert [told[id] for id in ids] == [before, before + 1]
        call(quiet, f"/v1/videos/{ids[0]}/cancel", {})
        assert first(events, lambda _, data: data.get("status") == "failed")[1]["error"]["code"] == "cancelled"
        asked = urllib.request.Request(f"{quiet.url}/v1/videos/{ids[1]}", method="DELETE")
        urllib.request.urlopen(asked).close()
        assert first(events, lambda name, _: name == "deleted")[1] == {"id": ids[1]}


def test_a_film_that_begins_and_ends_between_two_looks_is_told_of(quiet):
    watch = Watch(quiet.service, Caller())
    watch.first(None)
    made = call(quiet, "/v1/videos", {"prompt": "a red fox", "seconds": "0.5", "size": "64x64"})[1]
    call(quiet, f"/v1/videos/{made['id']}/cancel", {})
    told = [text for text in watch.changes() if made["id"] in text]
    assert len(told) == 1 and '"cancelled"' in told[0]
    assert not any(made["id"] in text for text in watch.changes())  # once


def test_films_are_found_by_their_words_and_by_what_they_are(served):
    fox = film(served, "a red fox in the snow 100%_")
    runs = call(served, f"/v1/videos/{fox}/remix", {"prompt": "a fox runs", "steps": 1})[1]["id"]
    until(lambda: call(served, f"/v1/videos/{runs}")[1]["status"] == "completed")

    def found(query):
        return [video["id"] for video in call(served, f"/v1/skyloom/videos?{query}")[1]["data"]]

    assert found("search=100%25_") == [fox] and found("search=FOX%20RUNS") == [runs]
    assert found("search=1000") == [] and found("show=failed") == []
    assert found("show=remixes") == [runs] and {fox, runs} <= set(found("show=ready"))
    assert call(served, "/v1/skyloom/videos?show=good")[0] == 400
    for member in (fox, runs):
        family = call(served, f"/v1/skyloom/videos/{member}/family")[1]["data"]
        assert [(video["id"], video["remixed_from_video_id"]) for video in family] == [(fox, None), (runs, fox)]


def test_a_film_that_is_brought_back_says_its_recipe(served):
    id = film(served, "a red fox", seed=11)
    with urllib.request.urlopen(f"{served.url}/v1/videos/{id}/content") as answer:
        data = answer.read()
    status, about = upload(served, "/v1/skyloom/recipe", data)
    assert status == 200 and about == call(served, f"/v1/skyloom/videos/{id}/recipe")[1]
    assert about["recipe"]["seed"] == 11 and about["provenance"]["trusted"]
    changed = upload(served, "/v1/skyloom/recipe", data[:-40] + bytes(40))[1]
    assert not changed["provenance"]["intact"]


def test_a_file_without_a_recipe_is_told_apart_from_none(served):
    assert upload(served, "/v1/skyloom/recipe", png())[1] == {"recipe": None, "provenance": {"signed": False}}
    status, answer = upload(served, "/v1/skyloom/recipe", b"MZ" + bytes(500))
    assert (status, answer["error"]["code"]) == (400, "invalid_type")


def test_hints_are_phrases_of_known_words(quiet):
    hints = call(quiet, "/v1/skyloom/server")[1]["hints"]
    assert hints["en"]["who"] == ["a fox"] and "in the snow" in hints["en"]["where"]
    assert hints["zh"]["who"] == []


def test_reading_a_prompt_does_not_wait_for_torch(tmp_path, model):
    code = f"""
import sys
import time
from fastapi.testclient import TestClient
from skyloom.server import settings
from skyloom.server.app import create_app
app = create_app(settings.load(home={str(tmp_path)!r}, model={model!r}))
with TestClient(app, base_url="http://localhost") as client:
    client.get("/v1/skyloom/server").raise_for_status()
    client.post("/v1/skyloom/prompt", json={{"prompt": "a foxx"}}).raise_for_status()
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def fetched(server, path):
    with urllib.request.urlopen(server.url + path) as answer:
        return answer.headers, answer.read().decode()


def test_the_pages_are_served_under_a_strict_policy_and_kept_by_name(quiet):
    headers, page = fetched(quiet, "/")
    assert headers["cache-control"] == "no-cache" and headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in headers["content-security-policy"] and "unsafe" not in headers["content-security-policy"]
    names = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert any(name.endswith(".js") for name in names) and "<script>" not in page
    for name in names:
        headers, _ = fetched(quiet, name)
        assert name == "/icon.svg" or "immutable" in headers["cache-control"]
    for wrong in ("/assets/../../app.py", "/assets/%2e%2e/%2e%2e/app.py", "/assets/none.js", "/gallery"):
        assert call(quiet, wrong)[0] == 404
