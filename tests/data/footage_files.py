"""Files as others make them: every kind that the data engine must read, and every kind that it must survive."""

import dataclasses
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from skyloom.evals.composites import landscape
from skyloom.models.bundle import save_bundle, tiny_bundle


def tiny_model(tmp_path_factory) -> Path:
    """A folder with weights of a few thousand numbers."""
    folder = tmp_path_factory.mktemp("model")
    save_bundle(tiny_bundle(0), folder)
    return folder


def replaced(config, part: str, **changes):
    """A config with some settings of one of its parts changed."""
    return dataclasses.replace(config, **{part: dataclasses.replace(getattr(config, part), **changes)})


def film(seed: int = 0, frames: int = 30, size: tuple[int, int] = (96, 160)) -> np.ndarray:
    """A drawn clip in which the camera and things move."""
    return landscape(np.random.default_rng(seed), frames, size)


def write(
    path: Path, frames: np.ndarray, *, fps=24, codec="libx264", pix_fmt="yuv420p", pts=None, options=None, **context
) -> Path:
    """A film with what `context` sets on the encoder: color_trc, flags ...; `pts` in 1/1000 s makes the rate variable."""
    container_options = context.pop("container_options", {})
    with av.open(str(path), "w", options=container_options) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        if pts is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for i, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            if pts is not None:
                picture.pts, picture.time_base = pts[i], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def turned(path: Path, frames: np.ndarray) -> Path:
    """A film as an upright phone makes it: lying pictures, and a mark in the track's matrix that turns them by a quarter."""
    write(path, frames)
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4
    start = at + 4 + 20 + 8 + 8  # version and flags; dates, id, duration; reserved; layer, group, volume
    quarter = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, frames.shape[1] << 16, 0, 1 << 30)
    path.write_bytes(data[:start] + quarter + data[start + 36 :])
    return path


def sound(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        for i in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 16000, i * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def animation(path: Path, frames: np.ndarray, *, duration=80, alpha=True) -> Path:
    """GIF or WebP, its left half transparent."""
    images = []
    for frame in frames:
        image = Image.fromarray(frame).convert("RGBA" if alpha else "RGB")
        if alpha:
            image.paste((0, 0, 0, 0), (0, 0, image.width // 2, image.height))
        images.append(image)
    images[0].save(
        path, save_all=True, append_images=images[1:], duration=duration, loop=0, disposal=2 if path.suffix == ".gif" else None
    )
    return path
