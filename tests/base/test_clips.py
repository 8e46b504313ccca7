"""What people give: photographs and phone videos of any shape and rate become frames of one size and rate, never stretched."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from skyloom.base.clips import look, read_clip
from skyloom.base.video import encode, write_video


def pattern(frames=12, height=64, width=96):
    """Frames that grow brighter, with a dark upper left corner."""
    clip = np.zeros((frames, height, width, 3), np.uint8) + np.linspace(40, 200, frames).astype(np.uint8)[:, None, None, None]
    clip[:, : height // 4, : width // 4] = 0
    return clip


def film(path, frames, times, *, rate=30, pixels="yuv420p", codec="libx264", sound=False):
    """A film whose frames come at the given seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=44100) if sound else None
        for frame, seconds in zip(frames, times, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(format=pixels)
            picture.pts, picture.time_base = round(seconds * 1000), Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        if audio is not None:
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            quiet.sample_rate = 44100
            container.mux(audio.encode(quiet))
            container.mux(audio.encode())


def levels(frames):
    """How bright each frame is, in its middle."""
    return frames[:, 30:34, 30:34].astype(float).mean((1, 2, 3))


def test_uneven_rates_come_out_even(tmp_path):
    times = [0, 0.05, 0.1, 0.5, 0.55, 1.0]
    film(tmp_path / "vfr.mp4", pattern(6), times)
    frames = read_clip(tmp_path / "vfr.mp4", 12, (64, 96), 100)
    seen = levels(frames)
    wanted = levels(pattern(6))
    shown = [max(i for i, t in enumerate(times) if t <= k / 12 + 1e-3) for k in range(12)]  # on screen at each tick
    assert np.abs(seen[:12] - wanted[shown]).max() < 4


def test_fast_films_are_thinned_and_slow_ones_repeated(tmp_path):
    film(tmp_path / "fast.mp4", pattern(30), np.arange(30) / 30)
    assert len(read_clip(tmp_path / "fast.mp4", 12, (64, 96), 100)) == 12
    write_video(tmp_path / "slow.mp4", pattern(6), 6)
    slow = read_clip(tmp_path / "slow.mp4", 12, (64, 96), 100)
    assert len(slow) == 12 and np.array_equal(slow[0], slow[1])
    assert len(read_clip(tmp_path / "slow.mp4", 12, (64, 96), 5)) == 5
    write_video(tmp_path / "same.mp4", pattern(9), 12)
    assert len(read_clip(tmp_path / "same.mp4", 12, (64, 96), 100)) == 9


def test_turned_phones_stand_upright(tmp_path):
    data = bytearray(encode(pattern(3, 64, 96), 12, "mp4"))
    one, at = (1 << 16).to_bytes(4, "big"), data.index(b"tkhd") + 4 + 40
    data[at : at + 20] = bytes(4) + one + bytes(4) + ((1 << 32) - (1 << 16)).to_bytes(4, "big") + bytes(4)
    (tmp_path / "phone.mp4").write_bytes(data)
    about = look(tmp_path / "phone.mp4")
    assert (about.height, about.width) == (96, 64)
    frames = read_clip(tmp_path / "phone.mp4", 12, (96, 64), 10)
    assert frames[0, 5, -5].mean() < 15 < frames[0, 5, 5].mean()  # the dark corner is at the upper right now


def test_photographs_heed_their_exif_mark(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    Image.fromarray(pattern(1)[0]).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    about = look(tmp_path / "photo.jpg")
    assert (about.kind, about.height, about.width) == ("still", 96, 64)
    assert read_clip(tmp_path / "photo.jpg", 12, (96, 64), 9).shape == (1, 96, 64, 3)


def test_other_shapes_are_covered_and_cut(tmp_path):
    frames = np.zeros((2, 64, 192, 3), np.uint8)
    frames[:, :, 64:128] = 200
    write_video(tmp_path / "wide.png", frames[:1], 12)
    square = read_clip(tmp_path / "wide.png", 12, (32, 32), 1)[0]
    assert square.shape == (32, 32, 3) and square.min() > 150  # the middle third, not the whole squeezed
    film(tmp_path / "odd.mkv", pattern(2, 66, 98), [0, 0.1])
    assert read_clip(tmp_path / "odd.mkv", 12, (33, 47), 9).shape[1:] == (33, 47, 3)


def test_sound_and_ten_bits_are_no_obstacle(tmp_path):
    film(tmp_path / "sound.mp4", pattern(12), np.arange(12) / 12, sound=True)
    assert look(tmp_path / "sound.mp4").audio
    assert len(read_clip(tmp_path / "sound.mp4", 12, (64, 96), 99)) == 12
    film(tmp_path / "ten.mkv", pattern(4), np.arange(4) / 12, pixels="yuv420p10le")
    ten = read_clip(tmp_path / "ten.mkv", 12, (64, 96), 99)
    assert np.abs(levels(ten) - levels(pattern(4))).max() < 6


def test_transparent_animations_lie_on_white(tmp_path):
    images = []
    for i in range(4):
        rgba = np.zeros((40, 40, 4), np.uint8)
        rgba[10:30, 5 + 5 * i : 15 + 5 * i] = (200, 30, 30, 255)
        images.append(Image.fromarray(rgba))
    images[0].save(tmp_path / "fox.gif", save_all=True, append_images=images[1:], duration=100, disposal=2)
    frames = read_clip(tmp_path / "fox.gif", 10, (40, 40), 99)
    assert len(frames) == 4 and frames[0, 2, 2].tolist() == [255, 255, 255]
    assert frames[3, 20, 25].tolist() == frames[0, 20, 10].tolist() != [255, 255, 255] and frames[3, 20, 10].min() > 250


@pytest.mark.parametrize("name, data", [("text.mp4", b"not a film"), ("empty.mp4", b""), ("half.png", b"\x89PNG\r\n\x1a\n")])
def test_files_that_are_none_are_named(tmp_path, name, data):
    (tmp_path / name).write_bytes(data)
    for read in (look, lambda path: read_clip(path, 12, (32, 32), 9)):
        with pytest.raises(ValueError, match=rf"{name}: .*Is the file whole\?"):
            read(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no such file"):
        look(tmp_path / "none.mp4")


def test_a_film_without_frames_is_named(tmp_path):
    with av.open(str(tmp_path / "none.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=44100)
        quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        quiet.sample_rate = 44100
        container.mux(audio.encode(quiet))
        container.mux(audio.encode())
    with pytest.raises(ValueError, match=r"none\.mp4: "):
        read_clip(tmp_path / "none.mp4", 12, (32, 32), 9)
