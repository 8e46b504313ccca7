"""Input over HTTP that no control can use: a 400 in a sentence, at once, and nothing is queued or kept."""

import base64
import io

import av
import numpy as np
import openai
import pytest
from conftest import png

from skyloom.base.video import encode

JSON = {"Content-Type": "application/json"}
FILM = encode(np.full((12, 64, 64, 3), 90, np.uint8), 12, "mp4")


@pytest.fixture(scope="module")
def client(quiet):
    return quiet.client()


def url(data):
    return {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}


def no_pictures():
    """An mp4 with a track of pictures in which there is none."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=12)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=44100)
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        quiet.sample_rate = 44100
        container.mux(audio.encode(quiet))
        container.mux(audio.encode())
    return out.getvalue()


def refused(client, quiet, param, call, *words, **options):
    with pytest.raises(openai.BadRequestError) as error:
        call(*words, **options)
    told = error.value.body
    assert error.value.param == param and told["message"] and "\n" not in told["message"] and len(told["message"]) < 300
    assert quiet.service.store.open_jobs() == [] and list(quiet.service.media.root.iterdir()) == []
    return told["message"]


@pytest.mark.parametrize(
    "data, says", [(b"", ""), (FILM[:300], ""), (no_pictures(), ""), (np.random.default_rng(0).bytes(3000), "known here")]
)
def test_files_that_are_no_films(client, quiet, data, says):
    given = ("v.mp4", data, "video/mp4")
    assert says in refused(client, quiet, "video", client.videos.edit, prompt="a fox", video=given)
    assert says in refused(client, quiet, "video", client.videos.extend, prompt="a fox", seconds="1", video=given)


def test_hours_of_film(client, quiet):
    """Refused by what the file says of itself, before it is decoded, wherever a film can be given."""
    hours = ("v.mp4", encode(np.full((12, 64, 64, 3), 90, np.uint8), 12 / 14400, "mp4"), "video/mp4")
    line = "is 3 h 20 min long, at most 120 s can be given. Cut out what matters first."
    calls = [
        (client.videos.edit, {"prompt": "a fox"}),
        (client.videos.extend, {"prompt": "a fox", "seconds": "1"}),
        (client.videos.create_character, {"name": "Rusty"}),
    ]
    for call, options in calls:
        assert refused(client, quiet, "video", call, video=hours, **options) == f"'video' {line}"
    form = {"prompt": "a fox", "seconds": "1"}
    files = {"video": ("v.mp4", FILM, "video/mp4"), "to": hours}
    answer = client._client.post(f"{quiet.url}/v1/videos", data=form, files=files)
    assert answer.status_code == 400 and answer.json()["error"]["message"] == f"'to' {line}"


def test_a_mask_of_another_size(client, quiet):
    given = ("v.mp4", FILM, "video/mp4")
    body = {"mask": url(png(size=(32, 32)))}
    told = refused(client, quiet, "mask", client.videos.edit, prompt="a fox", video=given, extra_body=body)
    assert told == "The mask is 32x32, but the film 64x64: wanted the same size."


@pytest.mark.parametrize(
    "body, param",
    [
        ({"strength": 7}, "strength"),
        ({"size": "100000x64"}, "size"),
        ({"size": "64"}, "size"),
        ({"storyboard": [{"at": 0, "until": 3, "prompt": "x"}, {"at": 2, "prompt": "y"}]}, "storyboard"),
        ({"storyboard": [{"at": i, "prompt": "x"} for i in range(200)]}, "storyboard"),
        ({"seconds": "14400"}, "seconds"),
    ],
)
def test_values_that_cannot_be(client, quiet, body, param):
    refused(client, quiet, param, client.videos.create, prompt="a fox", extra_body=body, extra_headers=JSON)


def test_a_picture_that_does_not_fit(client, quiet):
    body = {"input_reference": url(png(size=(900, 40)))}
    told = refused(
        client,
        quiet,
        "input_reference",
        client.videos.create,
        prompt="a fox",
        size="64x64",
        extra_body=body,
        extra_headers=JSON,
    )
    assert "900x40" in told
