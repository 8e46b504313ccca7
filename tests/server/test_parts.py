"""A cast of one's own over HTTP: pictures that play parts, and characters whose picture does."""

import base64
import io

import numpy as np
import openai
import pytest
from PIL import Image

from skyloom.base.video import encode, read_recipe, read_video
from skyloom.server import provenance
from skyloom.server.parts import word_of
from skyloom.server.records import Character

QUICK = {"steps": 1, "seed": 1}
SHORT = {"seconds": "0.5", "size": "64x64"}
JSON = {"Content-Type": "application/json"}


def disc(colour=(220, 30, 20), ground=(0, 0, 0, 0)):
    """A disc on a ground, as a PNG file."""
    y, x = np.mgrid[:80, :80]
    picture = np.empty((80, 80, 4), np.uint8)
    picture[:] = ground
    picture[(x - 40) ** 2 + (y - 40) ** 2 < 900] = *colour, 255
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def part(name, data=None):
    return {"name": name, "image": {"image_url": "data:image/png;base64," + base64.b64encode(data or disc()).decode()}}


def filmed(client, film, folder):
    film = client.videos.poll(film.id)
    assert film.status == "completed", film.error
    client.videos.download_content(film.id).write_to_file(folder / "f.mp4")
    return read_video(folder / "f.mp4")[0].astype(int), read_recipe(folder / "f.mp4")


def asked(client, prompt, body, headers=JSON, **options):
    return client.videos.create(prompt=prompt, extra_body=QUICK | body, extra_headers=headers, **SHORT | options)


def test_pictures_play_in_every_shot(client, tmp_path):
    cards = [{"at": 0, "prompt": "Rusty runs"}, {"at": 0.25, "prompt": "a red fox in the snow"}]
    body = {"cast": [part("Rusty"), part("fox", disc((20, 40, 230)))], "storyboard": cards}
    frames, recipe = filmed(client, asked(client, "snow", body), tmp_path)
    assert recipe["cast"] == [["Rusty", "part-0.png"], ["fox", "part-1.png"]] and len(recipe["inputs"]) == 2
    plain, _ = filmed(client, asked(client, "snow", {"storyboard": cards}), tmp_path)
    assert np.abs(frames - plain).max() > 3


def test_manifests_call_pictures_by_whom_they_play(client, served, tmp_path):
    first = asked(client, "Rusty runs", {"cast": [part("Rusty")]})
    filmed(client, first, tmp_path)
    other = client.videos.create(prompt="Rusty runs", extra_body={"like": first.id, "seed": 5})
    for film in (first, other):
        filmed(client, film, tmp_path)
        report = provenance.verify(tmp_path / "f.mp4", (served.settings.root / "signing" / "root.pem").read_text())
        assert [each["title"] for each in report["sources"]] == ["Rusty"]


def test_a_form_carries_them_too(client, served, tmp_path):
    form = {"prompt": "a fox runs", "seconds": "0.5", "size": "64x64", "steps": "1", "cast[][name]": "fox"}
    answer = client._client.post(f"{served.url}/v1/videos", data=form, files={"cast[][image]": ("d.png", disc())})
    assert answer.status_code == 200, answer.text
    film = client.videos.retrieve(answer.json()["id"])
    assert filmed(client, film, tmp_path)[1]["cast"] == [["fox", "part-0.png"]]


def test_in_edits_stills_and_variations(client, tmp_path):
    first = asked(client, "a fox runs", {"cast": [part("fox")]})
    _, recipe = filmed(client, first, tmp_path)
    again = client.videos.edit(
        prompt="a fox in the snow",
        video=openai.omit,
        extra_body=QUICK | {"video": {"id": first.id}, "cast": [part("fox", disc((0, 0, 255)))]},
        extra_headers=JSON,
    )
    assert filmed(client, again, tmp_path)[1]["cast"] == [["fox", "part-0.png"]]
    other = client.videos.create(prompt="a fox runs", extra_body={"like": first.id, "seed": 5})
    assert filmed(client, other, tmp_path)[1]["cast"] == recipe["cast"]
    body = {"steps": 1, "seed": 4}
    bodies = (body | {"cast": [part("fox")]}, body)
    stills = [client.images.generate(prompt="a fox", size="64x64", extra_body=extra).data[0] for extra in bodies]
    shown = [np.asarray(Image.open(io.BytesIO(base64.b64decode(still.b64_json)))).astype(int) for still in stills]
    assert np.abs(shown[0] - shown[1]).max() > 3


@pytest.mark.parametrize(
    "cast, told",
    [
        ([part("cat")], "does not speak of 'cat'"),
        ([part("fox", disc(ground=(220, 30, 20, 255)))], "The picture of 'fox': 0 % of it stands out from its ground"),
        ([part("fox"), part("Fox")], "each once"),
        ([part("fox")] * 5, "cast"),
        ([{"name": "fox"}], "cast.0.image"),
        ([{"name": "fox", "image": {"file_id": "f"}}], "No video with the id 'f'"),
    ],
)
def test_what_cannot_play(client, cast, told):
    with pytest.raises(openai.BadRequestError, match=told) as error:
        asked(client, "a fox runs", {"cast": cast})
    assert error.value.param.startswith("cast")


def character(client, data, **more):
    return client.videos.create_character(name="Rusty", video=("r.png", data, "image/png"), extra_body=more)


def test_a_character_with_a_picture_plays_itself(client, tmp_path):
    made = character(client, disc(), description="a small red fox")
    assert made.plays and client.videos.get_character(made.id).plays
    film = asked(client, "Rusty runs", {"characters": [{"id": made.id}]})
    _, recipe = filmed(client, film, tmp_path)
    assert recipe["prompt"] == "a small red fox runs" and recipe["cast"] == [["fox", "part-0.png"]] and recipe["image"] == ""
    nameless = character(client, disc(ground=(250, 250, 250, 255)))
    _, recipe = filmed(client, asked(client, "Rusty runs", {"characters": [{"id": nameless.id}]}), tmp_path)
    assert recipe["prompt"] == "Rusty runs" and recipe["cast"] == [["Rusty", "part-0.png"]] and recipe["image"] == ""


def test_a_clip_or_a_scene_does_not_play(client):
    noise = np.random.default_rng(0).integers(0, 255, (12, 64, 64, 3)).astype(np.uint8)
    clip = ("v.mp4", encode(noise, 12, "mp4", {"prompt": "a red fox runs"}), "video/mp4")
    assert not client.videos.create_character(name="Rusty", video=clip).plays
    assert not character(client, encode(noise[:1], 1, "png"), description="a fox").plays


def test_two_that_go_by_one_word(client, tmp_path):
    first, second = (character(client, disc(), description="a fox"), character(client, disc(), description="a red fox"))
    body = {"characters": [{"id": first.id}, {"id": second.id}]}
    with pytest.raises(openai.BadRequestError, match="the same name"):
        asked(client, "Rusty and Rusty", body)
    tom = client.videos.create_character(
        name="Tom", video=("t.png", disc((0, 200, 0)), "image/png"), extra_body={"description": "a fox"}
    )
    film = asked(client, "Rusty and Tom run", {"characters": [{"id": first.id}, {"id": tom.id}]})
    assert film.notes == ["'Rusty' and 'Tom' are both 'fox': it looks like the first"]
    assert len(filmed(client, film, tmp_path)[1]["cast"]) == 1


def test_what_prompts_call_a_character():
    told = {"一只红色的狐狸": "狐狸", "a small red fox": "fox", "": "Rusty", "somebody": "Rusty"}
    assert {text: word_of(Character("", "Rusty", text)) for text in told} == told
    assert word_of(Character("", "R" * 60, "")) == ""
