"""Uploads are decoded frame by frame: a long film takes no more memory than a short one, and few are looked at at once."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from PIL import Image

from skyloom.base.video import encode
from skyloom.server import probe, uploads
from skyloom.server.settings import Settings
from skyloom.server.wire import ApiError


def film(frames, height=64, width=64, fps=30):
    """An mp4 whose frames become lighter."""
    shades = np.linspace(0, 250, frames).astype(np.uint8)
    return encode((np.full((height, width, 3), shade, np.uint8) for shade in shades), fps, "mp4")


def shades(facts):
    return [float(np.asarray(Image.open(io.BytesIO(data))).mean()) for data in facts.pictures]


def test_a_long_film_is_decoded_in_little_memory(monkeypatch, tmp_path):
    """580 frames of 720p, 1.6 GB as pixels: in a process that may have 700 MB."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), 90, np.uint8), format="rgb24").reformat(format="yuv420p")
        for number in range(580):
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    monkeypatch.setattr(uploads.subprocess, "run", _with_memory(uploads.subprocess.run, 700 * 2**20))
    facts = uploads.examine(data.getvalue(), uploads.CLIPS, "video", Settings(), 1)
    assert (facts.frames, facts.width, facts.height, round(facts.seconds, 2)) == (580, 1280, 720, 19.33)
    assert len(facts.pictures) == 1 and abs(shades(facts)[0] - 90) < 3


def _with_memory(run, most):
    """subprocess.run whose probes count all that they hold, and end where it is more."""

    def limited(command, **options):
        code = f"import sys; from {probe.__name__.rpartition('.')[0]} import probe\n"
        code += "try: print(__import__('json').dumps(probe.main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])))\n"
        held = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"  # ru_maxrss counts who began it, too
        code += f"finally: sys.exit({held} * 1024 > {most})"
        done = run([command[0], "-c", code, *command[3:]], **options)
        assert done.returncode == 0, "it held too much"
        return done

    return limited


def test_the_largest_film_of_the_api_may_be_uploaded():
    assert 12 * 30 * 1792 * 1024 <= Settings().max_decode


def test_frames_come_evenly_from_the_whole(monkeypatch):
    facts = uploads.examine(film(90), uploads.CLIPS, "video", Settings(), 4)
    assert facts.frames == 90 and np.allclose(shades(facts), [31, 94, 157, 220], atol=6)
    with pytest.raises(ApiError, match="more than 10 frames of 64x64"):
        uploads.examine(film(30), uploads.CLIPS, "video", Settings(max_decode=10 * 64 * 64 + 1))


def test_a_film_that_breaks_off_gives_what_it_has():
    whole = encode((np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in range(60)), 30, "webm")
    facts = uploads.examine(whole[: len(whole) // 3], uploads.CLIPS, "video", Settings(), 1)
    assert 5 < facts.frames < 60 and len(facts.pictures) == 1


def test_few_are_looked_at_at_once_and_the_rest_is_told_so(monkeypatch):
    go, now, seen = threading.Event(), [], []

    def slow(*_):
        now.append(1)
        seen.append(len(now))
        go.wait(20)
        now.pop()
        return {}

    monkeypatch.setattr(uploads, "_probed", slow)
    most = uploads.AT_ONCE + uploads.WAITING
    with ThreadPoolExecutor(most) as pool:
        asked = [pool.submit(uploads.probe, "x", 1) for _ in range(most)]
        while uploads._places._value:
            pass
        with pytest.raises(ApiError) as error:
            uploads.probe("x", 1)
        assert (error.value.status, error.value.wait) == (503, 5)
        go.set()
        assert all(each.result() == {} for each in asked)
    assert max(seen) <= uploads.AT_ONCE
