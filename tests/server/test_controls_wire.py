"""Our own controls through the real client: pictures at times, clips and what becomes of them, variations."""

import base64

import numpy as np
import openai
import pytest
from conftest import png

from skyloom.base.video import encode, read_recipe, read_video

QUICK = {"steps": 1, "seed": 1}
SHORT = {"seconds": "0.5", "size": "64x64"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def film(client):
    return client.videos.create_and_poll(prompt="a red fox runs", seconds="1", size="64x64", extra_body=QUICK)


def url(data):
    return {"image_url": "data:image/png;base64," + base64.b64encode(data).decode()}


def made(client, folder, prompt="a fox", headers=JSON, body=None, **options):
    film = client.videos.create_and_poll(prompt=prompt, extra_body=QUICK | (body or {}), extra_headers=headers, **options)
    assert film.status == "completed", film.error
    client.videos.download_content(film.id).write_to_file(folder / "f.mp4")
    return film, read_video(folder / "f.mp4")[0], read_recipe(folder / "f.mp4")


def test_pictures_at_the_end_and_between(client, tmp_path):
    frames = [{"at": 0, "image": url(png(10))}, {"at": 0.5, "image": url(png(120))}]
    body = {"last_image": url(png()), "keyframes": frames}
    _, _, recipe = made(client, tmp_path, seconds="1", size="64x64", body=body)
    assert recipe["last"] == "last.png" and recipe["images"] == [[0, "images-0.png"], [0.5, "images-1.png"]]
    assert sorted(recipe["inputs"]) == ["images-0.png", "images-1.png", "last.png"]


def test_a_clip_is_led_to_another(client, film, tmp_path):
    body = {"video": film.id, "to": {"id": film.id}, "then": "a cat"}
    whole, frames, recipe = made(client, tmp_path, headers={}, seconds="0.5", body=body)
    assert recipe["then"] == "a cat" and whole.remixed_from_video_id == film.id
    assert whole.seconds == "2.5" and abs(len(frames) / 12 - 2.5) < 0.3
    blended, frames, recipe = made(client, tmp_path, body=body | {"curve": "mix"})
    assert recipe["curve"] == "mix" and len(frames) == 12 and blended.seconds == "1"


def test_a_clip_is_looped_and_one_made_wider(client, film, tmp_path):
    _, frames, recipe = made(client, tmp_path, seconds="0.5", body={"video": film.id, "loop": True})
    assert recipe["loop"] is True and recipe["clip"] == "clip.mp4" and len(frames) > 12
    wide, frames, recipe = made(client, tmp_path, size="96x64", body={"video": film.id, "outpaint": True})
    assert recipe["outpaint"] is True and frames.shape[1:3] == (64, 96) and wide.size == "96x64"


def test_masks_say_where(client, film, tmp_path):
    hole = np.full((64, 64), 255, np.uint8)
    hole[:32] = 0  # transparent: to be made anew
    grey = ("v.mp4", encode(np.full((12, 64, 64, 3), 90, np.uint8), 12, "mp4"), "video/mp4")
    edited = client.videos.edit(prompt="a fox", video=grey, extra_body=QUICK | {"mask": url(png(alpha=hole))})
    assert client.videos.poll(edited.id).status == "completed"
    client.videos.download_content(edited.id).write_to_file(tmp_path / "e.mp4")
    frames, recipe = read_video(tmp_path / "e.mp4")[0], read_recipe(tmp_path / "e.mp4")
    assert recipe["mask"] == "mask.png" and recipe["strength"] == 1
    changed = np.abs(frames.astype(int) - 90).mean((0, 2, 3))
    assert changed[52:].mean() < 6 < changed[:24].mean()  # the file is compressed: what is kept is nearly the same
    _, _, recipe = made(client, tmp_path, body={"video": film.id, "mask_box": "0,0,32,32", "strength": 0.7})
    assert recipe["mask"] == "0,0,32,32" and recipe["strength"] == 0.7


def test_a_variation_leads_away_from_its_film(client, film, tmp_path):
    other, frames, recipe = made(client, tmp_path, "a red fox runs", body={"like": film.id, "vary": 0.2, "seed": 5})
    assert recipe["seeds"] == [[1, 0.0]] and recipe["vary"] == 0.2 and other.seed == 5
    assert len(frames) == 12 and other.remixed_from_video_id == film.id
    again = client.videos.create(prompt="a fox", extra_body={"like": other.id, "seed": 9})
    assert again.status == "queued" and client.videos.poll(again.id).status == "completed"


def test_cards_that_end_and_cut(client, tmp_path):
    cards = [{"at": 0, "until": 0.5, "prompt": "a fox"}, {"at": 0.5, "until": 1, "prompt": "a cat", "cut": True}]
    film, frames, recipe = made(client, tmp_path, seconds="4", size="64x64", body={"storyboard": cards})
    assert len(frames) == 12 and film.seconds == "1" and recipe["shots"][1]["cut"] is True


def test_expanded_and_with_an_interval(client, tmp_path):
    film, _, recipe = made(client, tmp_path, "a red fox", **SHORT, body={"expand": True, "interval": [0.2, 0.9]})
    assert "red fox" in recipe["expanded"] and recipe["interval"] == [0.2, 0.9]
    assert any(note.startswith("expanded: ") for note in film.notes)


def test_backward(client, film, tmp_path):
    extra = QUICK | {"video": film.id, "direction": "backward"}
    longer = client.videos.extend(prompt="a fox", seconds="0.5", video=openai.omit, extra_body=extra)
    assert longer.seconds == "1.5" and client.videos.poll(longer.id).status == "completed"


def test_no_path_of_the_server_is_told(client, served):
    clip = encode(np.full((12, 64, 96, 3), 90, np.uint8), 24, "mp4")
    film = client.videos.edit(prompt="a fox", video=("v.mp4", clip, "video/mp4"), extra_body=QUICK)
    done = client.videos.poll(film.id)
    assert done.status == "completed" and any(note.startswith("clip.mp4: ") for note in done.notes)
    black = url(png(0, size=(96, 64)))
    failed = client.videos.edit(
        prompt="a fox", video=openai.omit, extra_body=QUICK | {"video": film.id, "mask": black}, extra_headers=JSON
    )
    failed = client.videos.poll(failed.id)
    assert failed.error.message.startswith("mask=mask.png: has no white in it")
    assert str(served.settings.root) not in done.to_json() + failed.to_json()


@pytest.mark.parametrize(
    "body, param",
    [
        ({"video": "ID"}, "video"),
        ({"video": "ID", "loop": True, "outpaint": True}, "video"),
        ({"video": "ID", "outpaint": True}, "size"),
        ({"video": "ID", "to": "ID", "curve": "up"}, "curve"),
        ({"video": "ID", "mask_box": "1,2,3"}, "mask_box"),
        ({"to": "ID"}, "to"),
        ({"curve": "mix"}, "curve"),
        ({"strength": 0}, "strength"),
        ({"vary": 0.5}, "vary"),
        ({"like": "ID", "seed": 1}, "seed"),
        ({"like": "ID", "loop": True}, "loop"),
        ({"like": "ID", "vary": 2}, "vary"),
        ({"keyframes": [{"at": 9, "image": {"image_url": "data:,"}}]}, "keyframes"),
        ({"interval": [0.9, 0.1]}, "interval"),
        ({"interval": [0.1]}, "interval"),
        ({"storyboard": [{"at": 0, "until": 30, "prompt": "x"}]}, "storyboard"),
        ({"storyboard": [{"at": 2, "prompt": "x"}, {"at": 1, "prompt": "y"}]}, "storyboard"),
        ({"expand": True, "storyboard": [{"at": 0, "prompt": "x"}]}, "expand"),
        ({"loop": True, "last_image": "PNG"}, "last_image"),
    ],
)
def test_what_does_not_go_together(client, film, body, param):
    there = {"ID": film.id, "PNG": url(png())}
    body = {name: there.get(value, value) if isinstance(value, str) else value for name, value in body.items()}
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(prompt="a fox", extra_body=body, extra_headers=JSON)
    assert error.value.param == param


def test_a_film_that_is_not_there(client):
    for body in ({"video": "video_nope", "loop": True}, {"like": "video_nope"}):
        with pytest.raises(openai.NotFoundError):
            client.videos.create(prompt="a fox", extra_body=body)
