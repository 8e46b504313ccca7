"""Finished films trimmed and joined: frames, times, recipe, manifest, and everything that cannot be cut."""

import dataclasses
import hashlib
import itertools
import urllib.request

import numpy as np
import pytest
from conftest import until
from test_studio import call

from skyloom.base.video import read_recipe, read_video
from skyloom.server import cuts, provenance
from skyloom.server.provenance import ROOT

FIRST, SECOND = (f"{prompt}, the camera shakes" for prompt in ("a red fox runs", "a fox in the snow"))
QUICK = {"steps": 1, "seed": 1}


@pytest.fixture(scope="module")
def films(client):
    """One of 1 s, another of 0.5 s, and one of another shape; no two frames of the first two are alike."""
    sorts = [(FIRST, "1", "64x64"), (SECOND, "0.5", "64x64"), ("a fox", "0.5", "96x64")]
    made = [client.videos.create(prompt=p, seconds=s, size=size, extra_body=QUICK) for p, s, size in sorts]
    done = [client.videos.poll(film.id) for film in made]
    assert [film.status for film in done] == ["completed"] * 3
    return [film.id for film in done]


def cut(served, pieces, **more):
    """A finished cut: its row, its file."""
    status, made = call(served, "/v1/videos/cuts", {"pieces": pieces, **more})
    assert status == 200, made
    done = until(lambda: (now := call(served, f"/v1/videos/{made['id']}")[1])["status"] in ("completed", "failed") and now)
    assert done["status"] == "completed", done["error"]
    return done, served.service.media.path(done["id"], "film.mp4")


def grey(path):
    """Frames as brightness: a second encoding blurs the colours of such noise, and keeps this."""
    return read_video(path)[0].mean(-1)


def shown(frames, source, wanted):
    """Whether they are those frames of the source: nearer to them than to the same ones in another order."""
    near, far = (np.abs(frames - source[order]).mean() for order in (wanted, wanted[::-1]))
    return len(frames) == len(wanted) and near < 0.6 * far


def test_a_trimmed_film_shows_those_frames(served, films):
    done, path = cut(served, [{"id": films[0], "start": 0.25, "end": 0.75}])
    frames, rate = read_video(path)
    assert (done["seconds"], done["size"], len(frames), rate) == ("0.5", "64x64", 6, 12)
    assert done["remixed_from_video_id"] == films[0] and done["prompt"] == FIRST
    source = grey(served.service.media.path(films[0], "film.mp4"))
    assert shown(grey(path), source, [3, 4, 5, 6, 7, 8])


def test_films_are_joined_in_the_order_told(served, films):
    pieces = [{"id": films[1]}, {"id": films[0], "start": 0.5}, {"id": films[1], "end": 0.25}]
    done, path = cut(served, pieces)
    sources = np.concatenate([grey(served.service.media.path(id, "film.mp4")) for id in films[:2]])  # 12 frames, 6
    assert done["seconds"] == "1.25"
    assert shown(grey(path), sources, [*range(12, 18), *range(6, 12), *range(12, 15)])
    assert done["prompt"] == f"{SECOND}. {FIRST}"


def test_the_file_names_its_parents_and_is_signed(served, films):
    done, path = cut(served, [{"id": films[0], "end": 0.5}, {"id": films[1]}])
    recipe = read_recipe(path)
    assert [(piece["film"], piece["start"], piece["end"]) for piece in recipe["pieces"]] == [
        (films[0], 0, 0.5),
        (films[1], 0, 0.5),
    ]
    parent = served.service.media.path(films[0], "film.mp4").read_bytes()
    assert recipe["pieces"][0]["sha256"] == hashlib.sha256(parent).hexdigest()
    said = provenance.verify(path, (served.settings.root / "signing" / ROOT).read_text())
    assert said["intact"] and said["trusted"] and said["recipe"]["pieces"] == recipe["pieces"]
    assert call(served, f"/v1/skyloom/videos/{done['id']}/recipe")[1]["recipe"]["pieces"] == recipe["pieces"]


def test_other_shapes_are_fitted_where_a_size_is_told(served, films):
    pieces = [{"id": films[0]}, {"id": films[2]}]
    status, answer = call(served, "/v1/videos/cuts", {"pieces": pieces})
    assert status == 400 and answer["error"]["param"] == "pieces.1" and "96x64" in answer["error"]["message"]
    done, path = cut(served, pieces, size="96x96")
    assert done["size"] == "96x96" and read_video(path)[0].shape == (18, 96, 96, 3)


def test_a_cut_is_a_film_like_others(served, films, client):
    done, _ = cut(served, [{"id": films[0], "end": 0.5}, {"id": films[1]}])
    for variant in ("thumbnail", "spritesheet"):
        assert client.videos.download_content(done["id"], variant=variant).read()
    again = client.videos.poll(client.videos.remix(done["id"], prompt="a fox in the snow", extra_body=QUICK).id)
    assert again.status == "completed" and again.seconds == "1"
    with pytest.raises(Exception, match="cut from others"):
        client.videos.create(prompt="a fox", extra_body={"like": done["id"]})
    client.videos.delete(films[1])
    again, _ = cut(served, [{"id": done["id"], "start": 0.75}])
    assert again["seconds"] == "0.25"


@pytest.mark.parametrize(
    ("piece", "param", "told"),
    [
        ({"start": 0, "end": 9}, "pieces.0", "lasts 1 s"),
        ({"start": 0.5, "end": 0.5}, "pieces.0", "at least one frame"),
        ({"start": 0.75, "end": 0.25}, "pieces.0", "at least one frame"),
        ({"start": 2}, "pieces.0", "at least one frame"),
        ({"start": -1}, "pieces.0.start", "greater than or equal to 0"),
        ({"start": "soon"}, "pieces.0.start", "number"),
        ({"begin": 0}, "pieces.0.begin", "Unknown parameter"),
    ],
)
def test_times_that_cannot_be(served, films, piece, param, told):
    status, answer = call(served, "/v1/videos/cuts", {"pieces": [{"id": films[0], **piece}]})
    assert status == 400 and answer["error"]["param"] == param and told in answer["error"]["message"]


def test_films_that_are_not_there(served, quiet, films):
    gone = "video_" + "0" * 32
    assert call(served, "/v1/videos/cuts", {"pieces": [{"id": gone}]})[0] == 404
    assert call(served, "/v1/videos/cuts", {"pieces": [{"id": "../../etc"}]})[0] == 404
    waiting = call(quiet, "/v1/videos", {"prompt": "a fox"})[1]["id"]
    status, answer = call(quiet, "/v1/videos/cuts", {"pieces": [{"id": waiting}]})
    assert status == 400 and answer["error"]["code"] == "video_not_ready"
    for pieces in ([], [{"id": films[0]}] * 65, "all", None):
        assert call(served, "/v1/videos/cuts", {"pieces": pieces})[0] == 400
    assert call(served, "/v1/videos/cuts", {"pieces": [{"id": films[0]}], "size": "0x0"})[0] == 400


def test_the_whole_has_a_ceiling(served, films, monkeypatch):
    monkeypatch.setattr(served.service.orders, "settings", dataclasses.replace(served.settings, max_extended=1.5))
    status, answer = call(served, "/v1/videos/cuts", {"pieces": [{"id": films[0]}, {"id": films[0]}]})
    assert status == 400 and answer["error"]["message"] == "'pieces' would last 2 s: this server makes up to 1.5."


def test_rates_that_differ_add_no_error():
    pieces = [{"start": 0.0, "end": 0.35, "rate": 12.0}] * 20
    marks = cuts.edges({"pieces": pieces, "rate": 24.0})
    assert marks[-1] == 168 and all(8 <= b - a <= 9 for a, b in itertools.pairwise(marks))


def test_who_asks_for_the_preview_of_a_film_that_is_ready_gets_its_thumbnail(served, films, client):
    thumbnail = client.videos.download_content(films[0], variant="thumbnail").read()
    with urllib.request.urlopen(f"{served.url}/v1/videos/{films[0]}/content?variant=preview") as answer:
        assert answer.headers["content-type"] == "image/webp" and answer.read() == thumbnail
    assert not served.service.media.path(films[0], "preview.webp").exists()
