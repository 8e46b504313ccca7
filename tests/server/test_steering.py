"""Films made from pictures and from other films: first frames, storyboards, loops, remixes, edits, extensions."""

import base64
import io

import numpy as np
import openai
import pytest
from PIL import Image

from skyloom.base.video import encode, read_recipe, read_video

QUICK = {"steps": 1, "seed": 1}


@pytest.fixture(scope="module")
def film(client):
    return client.videos.create_and_poll(prompt="a red fox runs", seconds="1", size="64x64", extra_body=QUICK)


def read(client, film, folder):
    assert film.status == "completed", film.error
    client.videos.download_content(film.id).write_to_file(folder / "f.mp4")
    return read_video(folder / "f.mp4")[0], read_recipe(folder / "f.mp4")


def picture(format="PNG", size=(64, 64)):
    buffer = io.BytesIO()
    Image.fromarray(np.full((*size[::-1], 3), (200, 40, 40), np.uint8)).save(buffer, format)
    return buffer.getvalue()


def clip(frames=12, fps=12):
    shade = np.arange(frames, dtype=np.uint8)[:, None, None, None] * 9
    return encode(np.broadcast_to(shade, (frames, 64, 96, 3)), fps, "mp4")


def test_a_picture_is_the_first_frame(client, tmp_path):
    made = client.videos.create_and_poll(
        prompt="a fox", seconds="0.5", size="64x64", input_reference=picture(), extra_body=QUICK
    )
    frames, recipe = read(client, made, tmp_path)
    assert len(frames) == 6 and recipe["image"] == "image.png" and list(recipe["inputs"]) == ["image.png"]


def test_a_picture_as_a_data_url_in_both_encodings(client):
    url = "data:image/webp;base64," + base64.b64encode(picture("WEBP")).decode()
    for headers in ({}, {"Content-Type": "application/json"}):
        extra = QUICK | {"input_reference": {"image_url": url}}
        made = client.videos.create(prompt="a fox", seconds="0.5", size="64x64", extra_body=extra, extra_headers=headers)
        assert made.status == "queued"
        client.videos.delete(made.id)


def test_a_storyboard_becomes_shots(client, tmp_path):
    cards = [{"at": 0, "prompt": "a fox runs"}, {"at": 0.5, "prompt": "a fox in the snow"}]
    made = client.videos.create_and_poll(prompt="a fox", seconds="1", size="64x64", extra_body=QUICK | {"storyboard": cards})
    frames, recipe = read(client, made, tmp_path)
    assert len(frames) == 12
    assert [(shot["start"], shot["end"], shot["text"]) for shot in recipe["shots"]] == [
        (0, 0.5, "a fox runs"),
        (0.5, 1, "a fox in the snow"),
    ]


def test_a_loop(client, tmp_path):
    made = client.videos.create_and_poll(prompt="a fox", seconds="1", size="64x64", extra_body=QUICK | {"loop": True})
    assert read(client, made, tmp_path)[1]["loop"] is True


def test_a_remix_knows_where_it_comes_from(client, film, tmp_path):
    made = client.videos.remix(film.id, prompt="a fox in the snow", extra_body=QUICK | {"strength": 0.3})
    assert made.remixed_from_video_id == film.id and (made.size, made.seconds) == (film.size, film.seconds)
    frames, recipe = read(client, client.videos.poll(made.id), tmp_path)
    assert len(frames) == 12 and recipe["strength"] == 0.3 and recipe["prompt"] == "a fox in the snow"


def test_an_edit_by_id_and_one_by_upload(client, film, tmp_path):
    made = client.videos.edit(prompt="snow", video=openai.omit, extra_body=QUICK | {"video": {"id": film.id}})
    assert len(read(client, client.videos.poll(made.id), tmp_path)[0]) == 12
    made = client.videos.edit(prompt="snow", video=("v.mp4", clip(), "video/mp4"), extra_body=QUICK)
    assert made.size == "96x64" and made.remixed_from_video_id is None
    assert read(client, client.videos.poll(made.id), tmp_path)[0].shape == (12, 64, 96, 3)


def test_an_extension_is_the_whole(client, film, tmp_path):
    made = client.videos.extend(
        prompt="a fox in the snow", seconds="0.5", video=openai.omit, extra_body=QUICK | {"video": {"id": film.id}}
    )
    assert made.seconds == "1.5" and made.remixed_from_video_id == film.id
    assert len(read(client, client.videos.poll(made.id), tmp_path)[0]) == 18


@pytest.mark.parametrize(
    "data, code",
    [
        (b"not a picture", "invalid_type"),
        (b"", "invalid_type"),
        (clip(), "invalid_type"),
        (picture()[:60], "invalid_file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "invalid_file"),
        (b"#EXTM3U\n#EXTINF:1.0,\nfile:///etc/passwd\n", "invalid_type"),
    ],
)
def test_what_is_no_picture_is_refused(client, data, code):
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(prompt="a fox", input_reference=("../../x.png", data, "image/png"))
    assert (error.value.param, error.value.code) == ("input_reference", code)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.png", "https://example.com/a.png", "file:///etc/passwd", "data:image/png,x", "x"]
)
def test_urls_are_not_fetched_unasked(client, url):
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(prompt="a fox", extra_body={"input_reference": {"image_url": url}})
    assert error.value.param == "input_reference"


def test_a_film_that_failed_cannot_be_remixed(client):
    made = client.videos.create(prompt="a fox", seconds="1", size="64x64", extra_body={"steps": 100})
    client.post(f"/videos/{made.id}/cancel", cast_to=dict)
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.remix(made.id, prompt="snow")
    assert error.value.code == "video_not_ready"
