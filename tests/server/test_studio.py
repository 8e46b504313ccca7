"""What the studio asks beyond the Videos API."""

import json
import urllib.error
import urllib.request

from conftest import until


def call(server, path, body=None):
    """Status and body of one call."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(server.url + path, data, {"Content-Type": "application/json"})
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
