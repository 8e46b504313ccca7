"""Every method of a year-old Python client against a running server: python old_client.py BASE_URL FOLDER."""

import sys
from pathlib import Path

import openai


def main(base: str, folder: Path) -> None:
    assert openai.__version__.startswith("2.8."), openai.__version__
    client = openai.OpenAI(base_url=base, api_key="none", max_retries=0)
    short = {"seconds": "0.5", "size": "64x64", "extra_body": {"steps": 1}}
    film = client.videos.create_and_poll(prompt="a red fox runs", model="sora-2", poll_interval_ms=100, **short)
    assert (film.status, film.progress, film.object, film.seconds) == ("completed", 100, "video", "0.5"), film
    client.videos.download_content(film.id).write_to_file(folder / "old.mp4")
    assert (folder / "old.mp4").read_bytes()[4:8] == b"ftyp"
    assert client.videos.download_content(film.id, variant="thumbnail").response.headers["content-type"] == "image/webp"
    pictured = client.videos.create_and_poll(prompt="a fox", input_reference=folder / "fox.png", **short)
    as_json = {**short, "extra_headers": {"Content-Type": "application/json"}}
    plain = client.videos.create_and_poll(prompt="a fox", **as_json)
    remix = client.videos.poll(client.videos.remix(film.id, prompt="a fox", extra_body={"steps": 1}).id)
    assert [each.status for each in (pictured, plain, remix)] == ["completed"] * 3
    assert remix.remixed_from_video_id == film.id
    assert client.videos.retrieve(remix.id).id == remix.id
    assert [each.id for each in client.videos.list(limit=2)][::-1] == [film.id, pictured.id, plain.id, remix.id]
    assert next(iter(client.videos.list(limit=3, order="asc"))).id == film.id
    assert client.videos.delete(plain.id).deleted
    for call, error in (
        (lambda: client.videos.retrieve(plain.id), openai.NotFoundError),
        (lambda: client.videos.create(prompt="a fox", size="1x1"), openai.BadRequestError),
        (lambda: client.videos.create(prompt="a fox", extra_body={"sed": 1}), openai.BadRequestError),
    ):
        try:
            call()
        except error as caught:
            assert caught.code and caught.request_id.startswith("req_"), caught
        else:
            raise AssertionError(f"no {error.__name__}")
    still = client.images.generate(prompt="a fox", size="64x64", extra_body={"steps": 1}).data[0]
    assert still.b64_json
    edited = client.images.edit(image=(folder / "fox.png").open("rb"), prompt="a red fox", extra_body={"steps": 1})
    assert len(edited.data) == 1
    assert "sora-2" in [model.id for model in client.models.list()]
    client.close()
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
