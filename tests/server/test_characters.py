"""Characters: from clips, pictures and films; named in prompts; gone when they are deleted."""

import io

import numpy as np
import openai
import pytest
from PIL import Image

from skyloom.base.video import encode, read_recipe
from skyloom.server.characters import actor_of

QUICK = {"steps": 1, "seed": 1}
SHORT = {"seconds": "0.5", "size": "64x64"}


def clip(prompt=None):
    shade = np.arange(12, dtype=np.uint8)[:, None, None, None] * 9
    recipe = {"prompt": prompt} if prompt else None
    return "v.mp4", encode(np.broadcast_to(shade, (12, 64, 96, 3)), 12, "mp4", recipe), "video/mp4"


def recipe_of(client, film, folder):
    assert film.status == "completed", film.error
    client.videos.download_content(film.id).write_to_file(folder / "f.mp4")
    return read_recipe(folder / "f.mp4")


@pytest.mark.parametrize(
    "prompt, actor",
    [
        ("at night a small red fox runs in the snow", "a small red fox"),
        ("An elephant and a dog play", "an elephant"),
        ("the red, small fox jumps", "a red, small fox"),
        ("一只红色的狐狸在雪地上跑", "一只红色的狐狸"),
        ("the snow is red and a fox runs", "a fox"),
        ("nobody is here", ""),
    ],
)
def test_the_actor_of_a_prompt(prompt, actor):
    assert actor_of(prompt) == actor


def test_a_name_stands_for_its_description(client, tmp_path):
    made = client.videos.create_character(name="Rusty", video=clip("a small red fox runs in the snow"))
    assert client.videos.get_character(made.id).to_dict() == made.to_dict() and made.description == "a small red fox"
    extra = QUICK | {"characters": [{"id": made.id}]}
    film = client.videos.create_and_poll(prompt="Rusty jumps on a beach, and Rusty sleeps", **SHORT, extra_body=extra)
    assert film.prompt == "Rusty jumps on a beach, and Rusty sleeps" and film.characters == [made.id]
    recipe = recipe_of(client, film, tmp_path)
    assert recipe["prompt"] == "a small red fox jumps on a beach, and the small red fox sleeps" and recipe["image"] == ""
    cards = [{"at": 0, "prompt": "Rusty runs"}, {"at": 0.25, "prompt": "Rusty sleeps"}]
    film = client.videos.create_and_poll(prompt="a beach", **SHORT, extra_body=extra | {"storyboard": cards})
    assert [shot["text"] for shot in recipe_of(client, film, tmp_path)["shots"]] == [
        "a small red fox runs",
        "a small red fox sleeps",
    ]


def test_a_stranger_begins_the_film_with_its_picture(client, tmp_path):
    made = client.videos.create_character(name="Bo", video=clip())
    assert made.description == ""
    film = client.videos.create_and_poll(prompt="Bo runs", **SHORT, extra_body=QUICK | {"characters": [{"id": made.id}]})
    recipe = recipe_of(client, film, tmp_path)
    assert recipe["image"] == "image.png" and recipe["prompt"] == "Bo runs"
    wanted = QUICK | {"characters": [{"id": made.id}], "loop": True}
    film = client.videos.create(prompt="Bo runs", seconds="1", size="64x64", extra_body=wanted)
    assert "cannot be the first frame beside 'loop'" in film.notes[0]
    wanted["characters"] = [{"id": made.id, "frame": True}]
    with pytest.raises(openai.BadRequestError, match="beside 'loop'"):
        client.videos.create(prompt="Bo runs", **SHORT, extra_body=wanted)
    client.videos.delete(film.id)


def test_from_a_film_of_this_server_and_from_words(client, served):
    film = client.videos.create_and_poll(prompt="a blue cat runs", **SHORT, extra_body=QUICK)
    body = {"name": "Tom", "video": {"id": film.id}}
    json = {"Content-Type": "application/json"}
    made = client.videos.create_character(name="Tom", video=openai.omit, extra_body=body, extra_headers=json)
    assert made.description == "a blue cat"
    body["description"] = "a green cat"
    told = client.videos.create_character(name="Tom", video=openai.omit, extra_body=body, extra_headers=json)
    assert told.description == "a green cat"
    picture = client._client.get(f"{served.url}/v1/videos/characters/{made.id}/content").content
    assert Image.open(io.BytesIO(picture)).size == (64, 64)
    both = {"characters": [{"id": made.id}, {"id": told.id}]}
    with pytest.raises(openai.BadRequestError, match="the same name"):
        client.videos.create(prompt="Tom runs", **SHORT, extra_body=both)


def test_what_is_no_character(client):
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create_character(name="Bo", video=("v.mp4", b"not a film", "video/mp4"))
    assert error.value.param == "video"
    for name in ("", "x" * 81, "?!", "a beheading"):
        with pytest.raises(openai.BadRequestError) as error:
            client.videos.create_character(name=name, video=clip())
        assert error.value.param == "name"
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character("char_nope")
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(prompt="Bo runs", **SHORT, extra_body={"characters": [{"id": "char_nope"}]})
    assert error.value.param == "characters"
    made = client.videos.create_character(name="Rusty", video=clip("a fox"))
    with pytest.raises(openai.BadRequestError, match="does not name") as error:
        client.videos.create(prompt="Rustys run", **SHORT, extra_body={"characters": [{"id": made.id}]})
    assert error.value.code == "character_not_named"


def test_a_deleted_character_is_gone(client, served):
    made = client.videos.create_character(name="Bo", video=clip())
    folder = served.service.media.path(made.id, "portrait.png").parent
    served.service.media.sweep(served.service.store.known, older=-1)
    assert folder.is_dir() and made.id in [item["id"] for item in client.get("/videos/characters", cast_to=dict)["data"]]
    assert client.delete(f"/videos/characters/{made.id}", cast_to=dict)["deleted"]
    with pytest.raises(openai.NotFoundError):
        client.videos.get_character(made.id)
    assert not folder.exists()
