"""Look at the world: draw scenes into a folder as films, a contact sheet, and the words and records that go with them."""

import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..base.sizes import frames_of
from ..base.video import contact_sheet, encode, write_whole
from .captions import caption
from .sample import sample_scene
from .scene import Scene
from .storybook import render

TILE_HEIGHT = 144  # pixels of one picture on the sheet
MOMENTS = (0.1, 0.5, 0.9)  # of each film, side by side on the sheet


def show_scenes(
    folder: Path,
    *,
    seed: int = 0,
    n: int = 16,
    seconds: float = 4.0,
    size: tuple[int, int] = (256, 256),
    split: str = "train",
    fps: int = 12,
) -> Path:
    """Draw scenes seed/0 .. seed/n-1 into `folder`: NN.mp4, captions.txt, scenes.jsonl and sheet.png, whose path is returned.

    ValueError for an unknown split or a number of scenes outside 1..400, OSError where the folder cannot be written.
    """
    if not 1 <= n <= 400:
        raise ValueError(f"n={n}: wanted 1 to 400 scenes.")
    if not 0 <= seconds <= 60:
        raise ValueError(f"seconds={seconds:g}: wanted 0 to 60.")
    folder.mkdir(parents=True, exist_ok=True)
    scenes = [sample_scene(seed, index, split=split) for index in range(n)]
    tiles, words = [], []
    for index, scene in enumerate(scenes):
        frames = render(scene, *size, frames_of(seconds, fps), fps)
        assert isinstance(frames, np.ndarray)
        english, chinese = caption(scene, "en"), caption(scene, "zh")
        write_whole(
            folder / f"{index:02d}.mp4", encode(frames, fps, "mp4", {"caption": english, "zh": chinese, **_record(scene)})
        )
        tiles.append(_tile(frames, f"{index:02d}  {english}"))
        words.append(f"{index:02d}\n{english}\n{chinese}\n{caption(scene, 'en', 'tags')}\n{caption(scene, 'en', 'dense')}\n")
    write_whole(folder / "captions.txt", "\n".join(words).encode())
    write_whole(folder / "scenes.jsonl", "".join(scene.to_json() + "\n" for scene in scenes).encode())
    sheet = folder / "sheet.png"
    write_whole(sheet, encode(contact_sheet(tiles, columns=min(2, n), gap=6)[None], fps, "png"))
    return sheet


def _record(scene: Scene) -> dict[str, str]:
    return {"scene": scene.to_json()}


def _tile(frames: np.ndarray, text: str) -> np.ndarray:
    """Three moments of a film in a row, with its caption below."""
    height, width = frames.shape[1:3]
    wide = max(1, round(width * TILE_HEIGHT / height))
    moments = [frames[min(len(frames) - 1, int(len(frames) * moment))] for moment in MOMENTS]
    strip = np.concatenate(
        [np.asarray(Image.fromarray(m).resize((wide, TILE_HEIGHT), Image.Resampling.LANCZOS)) for m in moments], 1
    )
    tile = Image.new("RGB", (strip.shape[1], TILE_HEIGHT + 34), (24, 24, 24))
    tile.paste(Image.fromarray(strip))
    lines = textwrap.wrap(text, max(12, strip.shape[1] // 7))[:2]
    ImageDraw.Draw(tile).multiline_text(
        (4, TILE_HEIGHT + 2), "\n".join(lines), (235, 235, 235), ImageFont.load_default(12), spacing=2
    )
    return np.asarray(tile)
