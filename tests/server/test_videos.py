"""The Videos API, driven by the real client against a real server and worker."""

import io
import json
import urllib.request

import openai
import pytest
from PIL import Image

from skyloom.base.video import read_recipe, read_video

SHORT = {"seconds": "0.5", "size": "128x72"}


@pytest.fixture(scope="module")
def film(client):
    """A finished one."""
    return client.videos.create_and_poll(prompt="a red fox runs", model="sora-2", **SHORT, extra_body={"seed": 7, "steps": 2})


def test_a_prompt_becomes_a_film(film, client, tmp_path):
    assert film.status == "completed" and film.error is None and film.progress == 100
    assert (film.model, film.size, film.seconds, film.prompt) == ("sora-2", "128x72", "0.5", "a red fox runs")
    assert film.completed_at >= film.created_at and film.expires_at > film.completed_at
    client.videos.download_content(film.id).write_to_file(tmp_path / "fox.mp4")
    frames, fps = read_video(tmp_path / "fox.mp4")
    assert frames.shape == (6, 72, 128, 3) and fps == 12
    recipe = read_recipe(tmp_path / "fox.mp4")
    assert recipe["prompt"] == "a red fox runs" and recipe["seed"] == 7 and recipe["steps"] == 2 and recipe["size"] == "96x64"


def test_it_is_noted_how_long_a_step_takes(film, served):
    past = served.service.store.past()[0]
    assert past.work == "video" and 0 < past.step < past.spent


def test_the_answer_says_what_was_native(film):
    assert film.native == {"model": "tiny", "size": "96x64", "seconds": 0.5, "fps": 12}
    assert film.seed == 7
    assert any("size" not in note for note in film.notes) or film.notes == []


def test_pictures_of_a_film(film, client):
    thumbnail = client.videos.download_content(film.id, variant="thumbnail")
    assert thumbnail.response.headers["content-type"] == "image/webp"
    assert Image.open(io.BytesIO(thumbnail.read())).size == (128, 72)
    sheet = client.videos.download_content(film.id, variant="spritesheet")
    assert sheet.response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(sheet.read())).size == (3 * 128, 2 * 72)


def test_parts_of_a_film(film, served):
    url = f"{served.url}/v1/videos/{film.id}/content"
    with urllib.request.urlopen(url) as answer:
        whole = answer.read()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=4-7"})) as part:
        assert part.status == 206 and part.read() == whole[4:8] == b"ftyp"
        assert part.headers["content-range"] == f"bytes 4-7/{len(whole)}"


def test_a_film_goes_on_beyond_what_the_model_sees_at_once(client, tmp_path):
    film = client.videos.create_and_poll(prompt="a fox", seconds="4", size="64x64", extra_body={"steps": 1})
    client.videos.download_content(film.id).write_to_file(tmp_path / "long.mp4")
    frames, fps = read_video(tmp_path / "long.mp4")
    assert (len(frames), fps) == (48, 12) and film.native["seconds"] == 4


def test_events_follow_a_film_to_its_end(client, served):
    film = client.videos.create(prompt="a fox in the snow", **SHORT, extra_body={"steps": 3})
    with urllib.request.urlopen(f"{served.url}/v1/videos/{film.id}/events", timeout=60) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.read().decode().splitlines()
    seen = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert seen[-1]["status"] == "completed" and seen[-1]["progress"] == 100
    progress = [video["progress"] for video in seen]
    assert progress == sorted(progress)


def test_a_deleted_film_is_gone_everywhere(client, served):
    film = client.videos.create_and_poll(prompt="a fox", **SHORT, extra_body={"steps": 1})
    assert served.service.media.path(film.id, "film.mp4").is_file()
    gone = client.videos.delete(film.id)
    assert gone.deleted and gone.id == film.id and gone.object == "video.deleted"
    for call in (client.videos.retrieve, client.videos.download_content, client.videos.delete):
        with pytest.raises(openai.NotFoundError):
            call(film.id)
    assert film.id not in [video.id for video in client.videos.list()]
    assert not served.service.media.path(film.id, "film.mp4").parent.exists()


def test_the_server_is_ready_and_says_its_models(client, served):
    with urllib.request.urlopen(f"{served.url}/readyz") as answer:
        assert json.load(answer)["ready"]
    assert [model.id for model in client.models.list()][:2] == ["tiny", "sora-2"]
