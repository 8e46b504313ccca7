"""Frames -> file -> frames; recipes; whole files or none; errors of one clear line."""

import errno
import io
import os
import subprocess
import sys
import tempfile

import av
import numpy as np
import pytest
from PIL import Image

from skyloom.base import video
from skyloom.base.video import check_output, contact_sheet, encode, read_recipe, read_video, write_live, write_video

RECIPE = {"prompt": "a red fox 一只红狐狸 🦊", "seed": 7, "nested": {"a": [1, 2.5, None]}}


def moving(frames=9, height=64, width=96):
    """A smooth moving pattern in all three colours."""
    t, y, x = np.mgrid[:frames, :height, :width]
    red, green, blue = (
        128 + 90 * np.sin((x + 3 * t) / 15),
        128 + 90 * np.cos((y - 2 * t) / 12),
        (x + y) * 255 / (height + width),
    )
    return np.stack([red, green, blue], -1).clip(0, 255).astype(np.uint8)


def psnr(a, b):
    return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean())


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_films_come_back(tmp_path, suffix):
    frames, path = moving(), tmp_path / f"film.{suffix}"
    write_video(path, frames, 12, metadata=RECIPE)
    back, fps = read_video(path)
    assert back.shape == frames.shape and fps == 12
    assert psnr(frames, back) > 38
    assert np.abs(back.astype(float).mean((0, 1, 2)) - frames.mean((0, 1, 2))).max() < 1.3  # no colour cast
    assert read_recipe(path) == RECIPE


def test_mp4_says_how_its_colours_are_meant_and_starts_fast(tmp_path):
    path = tmp_path / "film.mp4"
    write_video(path, moving(), 12, metadata=RECIPE)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.color_primaries, context.color_trc, context.colorspace, context.color_range) == (1, 1, 1, 1)
        assert container.metadata["title"] == RECIPE["prompt"]
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)])
def test_flat_colours_follow_the_bt709_matrix(rgb):
    yuv = video._to_yuv(np.full((8, 8, 3), rgb, np.uint8)).to_ndarray()
    red, green, blue = rgb
    light = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    wanted = 16 + light * 219 / 255, 128 + (blue - light) / 1.8556 * 224 / 255, 128 + (red - light) / 1.5748 * 224 / 255
    got = yuv[:8].mean(), yuv[8:10].mean(), yuv[10:].mean()
    assert np.abs(np.subtract(got, wanted)).max() <= 1


@pytest.mark.parametrize("suffix", video.FORMATS)
@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_the_same_frames_give_the_same_bytes(suffix, size):
    """Whatever stands in the memory that the codec gets."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 80, (5, *size, 3), dtype=np.uint8) + moving(5, *size) // 2
    files = set()
    for _ in range(8 if suffix == "mp4" else 2):
        dirt = [rng.integers(0, 256, length, dtype=np.uint8) for length in rng.integers(100, 300_000, 60)]
        del dirt
        files.add(encode(noise, 12, suffix, RECIPE))
    assert len(files) == 1


def test_frames_may_come_one_by_one():
    assert encode(iter(moving(5)), 12, "mp4") == encode(moving(5), 12, "mp4")


def test_odd_sizes_gain_an_edge(tmp_path):
    write_video(tmp_path / "odd.mp4", moving(3, 65, 77), 12)
    assert read_video(tmp_path / "odd.mp4")[0].shape == (3, 66, 78, 3)


def test_gif_keeps_its_length_and_recipe(tmp_path):
    write_video(tmp_path / "film.gif", moving(25), 12, metadata=RECIPE)
    with Image.open(tmp_path / "film.gif") as image:
        durations = []
        for i in range(image.n_frames):
            image.seek(i)
            durations.append(image.info["duration"])
    assert sum(durations) == pytest.approx(25 / 12 * 1000, abs=10)
    assert read_recipe(tmp_path / "film.gif") == RECIPE
    assert psnr(read_video(tmp_path / "film.gif")[0], moving(25)) > 25


def test_png_is_the_frame_or_a_sheet(tmp_path):
    frames = moving(1)
    write_video(tmp_path / "one.png", frames, 12, metadata=RECIPE)
    back, fps = read_video(tmp_path / "one.png")
    assert np.array_equal(back, frames) and fps == 1
    assert read_recipe(tmp_path / "one.png") == RECIPE
    write_video(tmp_path / "many.png", moving(49), 12)
    assert read_video(tmp_path / "many.png")[0].shape == (1, 4 * 68 - 4, 4 * 100 - 4, 3)


def test_contact_sheet_lays_rows():
    tiles = [np.full((2, 3, 3), i, np.uint8) for i in range(1, 4)]
    sheet = contact_sheet(tiles, columns=2, gap=1)
    assert sheet.shape == (5, 7, 3)
    assert (sheet[0, 0, 0], sheet[0, 4, 0], sheet[3, 0, 0], sheet[3, 4, 0]) == (1, 2, 3, 24)


def test_reading_a_part_at_another_size(tmp_path):
    write_video(tmp_path / "film.mp4", moving(9), 12)
    frames, _ = read_video(tmp_path / "film.mp4", max_frames=4, size=(32, 32))
    assert frames.shape == (4, 32, 32, 3)


def test_reading_honours_rotation(tmp_path):
    frames = moving(3, 32, 64)
    path = tmp_path / "phone.mp4"
    data = bytearray(encode(frames, 12, "mp4"))
    # the 3x3 matrix of the track header: turn the identity into a quarter turn
    one, at = (1 << 16).to_bytes(4, "big"), data.index(b"tkhd") + 4 + 40
    zero, minus = bytes(4), ((1 << 32) - (1 << 16)).to_bytes(4, "big")
    assert data[at : at + 4] == one
    data[at : at + 20] = zero + one + zero + minus + zero
    path.write_bytes(data)
    turned, _ = read_video(path)
    assert turned.shape == (3, 64, 32, 3)
    assert psnr(turned, np.rot90(frames, -1, axes=(1, 2))) > 35


def test_standard_output_gets_the_file(capfdbinary):
    write_video("-", moving(3), 12, metadata=RECIPE)
    assert capfdbinary.readouterr().out == encode(moving(3), 12, "mp4", RECIPE)


def test_open_files_get_the_bytes():
    buffer = io.BytesIO()
    write_video(buffer, moving(3), 12, format="webm")
    assert buffer.getvalue() == encode(moving(3), 12, "webm")


def test_links_and_modes_are_kept(tmp_path):
    target, link = tmp_path / "real.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_video(link, moving(1), 12)
    assert link.is_symlink() and target.stat().st_size > 100
    mask = os.umask(0)
    os.umask(mask)
    assert target.stat().st_mode & 0o777 == 0o666 & ~mask


def test_devices_are_written_not_replaced():
    write_video("/dev/null", moving(1), 12, format="png")
    assert not os.path.isfile("/dev/null")


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*Free some space"):
        write_video(path, moving(2), 12)
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["film.mp4"]


def test_an_error_between_frames_leaves_nothing(tmp_path):
    def broken():
        yield from moving(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "film.mp4", broken(), 12)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "frames, says",
    [
        (np.zeros((0, 8, 8, 3), np.uint8), "no frames"),
        (np.zeros((2, 8, 8, 3), np.float32), "got float32"),
        (np.zeros((2, 8, 8), np.uint8), r"wanted uint8 \(height, width, 3\)"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((9, 8, 3), np.uint8)], "frame 2"),
    ],
)
@pytest.mark.parametrize("suffix", video.FORMATS)
def test_frames_that_are_none(frames, says, suffix):
    with pytest.raises(ValueError, match=says):
        encode(frames, 12, suffix)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e9])
def test_rates_that_are_none(fps):
    with pytest.raises(ValueError, match="fps="):
        encode(moving(2), fps, "mp4")


def test_bad_places_are_named_before_any_work(tmp_path):
    for path, error, says in (
        (tmp_path / "film.avi", ValueError, r"cannot write .avi. Known: .mp4, .webm, .gif, .png"),
        (tmp_path / "film", ValueError, "without a suffix"),
        (tmp_path / "no" / "film.mp4", FileNotFoundError, "mkdir -p"),
    ):
        with pytest.raises(error, match=says):
            check_output(path)
        with pytest.raises(error, match=says):
            write_video(path, moving(2), 12)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_output(tmp_path / "folder.mp4")
    check_output("-")


def test_read_only_folders_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere, so ask for a no
    with pytest.raises(PermissionError, match="no permission to write"):
        check_output(tmp_path / "film.mp4")


@pytest.mark.parametrize(
    "name, data", [("text.mp4", b"not a film"), ("empty.webm", b""), ("half.png", None), ("half.gif", b"GIF89a")]
)
def test_files_that_are_no_films(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(encode(moving(1), 12, "png")[:60] if data is None else data)
    for read in (read_video, read_recipe):
        with pytest.raises(ValueError, match=f"{name}: "):
            read(path)


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_video(tmp_path / "none.mp4")
    with pytest.raises(IsADirectoryError):
        read_recipe(tmp_path)
    write_video(tmp_path / "plain.mp4", moving(2), 12)
    with pytest.raises(ValueError, match="holds no recipe"):
        read_recipe(tmp_path / "plain.mp4")


def test_half_a_film_gives_its_first_frames_or_an_error(tmp_path):
    data = encode(moving(30, 128, 128), 12, "mp4")
    (tmp_path / "half.mp4").write_bytes(data[: len(data) * 2 // 3])
    frames, _ = read_video(tmp_path / "half.mp4")
    assert 0 < len(frames) <= 30


def test_killed_while_writing_leaves_no_named_file(tmp_path):
    """A hard kill inside the write leaves at most a hidden .part file, never half a film."""
    code = (
        "import os, numpy as np; from skyloom.base import video\n"
        "os.fsync = lambda handle: os._exit(9)\n"
        f"video.write_video({str(tmp_path / 'film.mp4')!r}, np.zeros((2, 64, 64, 3), np.uint8), 12)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    assert not (tmp_path / "film.mp4").exists()


class Pipe:
    """A place that can only be written to."""

    def __init__(self):
        self.pieces = []

    def write(self, data):
        self.pieces.append(bytes(data))

    def flush(self):
        pass


def test_a_live_film_goes_out_while_frames_come(tmp_path):
    pipe, sent = Pipe(), []

    def frames():
        for frame in moving(60):
            sent.append(sum(map(len, pipe.pieces)))
            yield frame

    assert write_live(pipe, frames(), 12, RECIPE) == 60
    assert sent[40] > 2000  # the first seconds are out before the film ends
    (tmp_path / "live.mp4").write_bytes(b"".join(pipe.pieces))
    back, fps = read_video(tmp_path / "live.mp4")
    assert back.shape == (60, 64, 96, 3) and fps == 12 and psnr(moving(60), back) > 36
    assert read_recipe(tmp_path / "live.mp4") == RECIPE
    with pytest.raises(ValueError, match="no frames"):
        write_live(Pipe(), iter(()), 12)


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_a_long_film_grows_on_disk_and_not_in_memory(tmp_path, suffix):
    """The file that grows beside its place has the bytes of the same film in memory, and gets them as frames come."""
    sizes = []
    noisy = np.random.default_rng(0).integers(0, 256, (200, 64, 96, 3), np.uint8)

    def frames():
        for frame in noisy:
            sizes.append(sum(part.stat().st_size for part in tmp_path.glob("*.part")))
            yield frame

    write_video(tmp_path / f"film.{suffix}", frames(), 12, metadata=RECIPE)
    assert sizes[150] > 100_000
    assert (tmp_path / f"film.{suffix}").read_bytes() == encode(noisy, 12, suffix, RECIPE)
    assert os.listdir(tmp_path) == [f"film.{suffix}"]


def test_a_disk_that_fills_while_frames_come_leaves_nothing(tmp_path, monkeypatch):
    """As on a real one: a device that takes nothing stands for the file that grows."""
    monkeypatch.setattr(video, "open", lambda name, mode: open("/dev/full", mode, buffering=0), raising=False)
    with pytest.raises(OSError, match=r"film.mp4: could not be written \(No space left on device\). Free some space"):
        write_video(tmp_path / "film.mp4", moving(60, 128, 128), 12)
    assert os.listdir(tmp_path) == []


def test_folders_that_take_no_files_are_named_before_any_work(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    check_output(tmp_path / "film.mp4")
    assert os.listdir(tmp_path) == []
    monkeypatch.setattr(tempfile, "mkstemp", refused)
    with pytest.raises(OSError, match=r"film.mp4: could not be written \(Read-only file system\). Try another folder"):
        check_output(tmp_path / "film.mp4")
