"""Contact sheets of seeds 0 to 15, none left out: what the model does, not the best of what it does."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..base.files import write_atomic
from ..base.video import contact_sheet
from .clips import Bench

FRAMES, SEEDS, TILE, MOVING = 17, 16, 96, 160
PROMPTS = {
    "fox": "a red fox runs in the forest at sunset",
    "penguins": "three penguins walk on the snow at dawn",
    "rocket": "a rocket flies through space",
    "car": "a blue car drives down a city street at night, in the rain",
    "whale": "a whale swims under water",
    "ball": "a soccer ball bounces on the road on an overcast day",
    "cat-zh": "一只猫在草地上跳跃，镜头推近",
    "dragon": "a green dragon chases a rabbit across the desert at sunset",
}


def main(bench: Bench, folder: Path, prompts: dict[str, str] = PROMPTS, seeds: int = SEEDS) -> dict:
    """Writes FOLDER/sheet-NAME.jpg for each prompt: strips of first, middle and last frame, one for each seed;
    and FOLDER/films.webp: the films of seed 0, side by side."""
    rows, firsts = [], []
    for name, prompt in prompts.items():
        strips = []
        for seed in range(seeds):
            strips.append(strip(bench.generated(prompt, FRAMES, seed)))
            bench.say(f"sheets: {name}", seed + 1, seeds)
        path = folder / f"sheet-{name}.jpg"
        save_jpeg(path, contact_sheet(strips, columns=4))
        rows.append({"name": name, "prompt": prompt, "file": path.name})
        firsts.append(bench.generated(prompt, FRAMES, 0))
    save_webp(folder / "films.webp", [contact_sheet([small(film[i], MOVING) for film in firsts], 4) for i in range(FRAMES)])
    return {"rows": rows, "seeds": seeds, "frames": FRAMES}


def strip(frames_THWC: np.ndarray, tile: int = TILE) -> np.ndarray:
    """First, middle and last frame side by side, each `tile` pixels high."""
    return strip_of(frames_THWC, 3, tile)


def strip_of(frames_THWC: np.ndarray, count: int, tile: int) -> np.ndarray:
    """At most `count` frames, evenly spread from first to last, side by side, each `tile` pixels high."""
    at = np.linspace(0, len(frames_THWC) - 1, min(count, len(frames_THWC)))
    return np.concatenate([small(frame, tile) for frame in frames_THWC[at.astype(int)]], 1)


def small(frame_HWC: np.ndarray, tile: int) -> np.ndarray:
    """The frame, `tile` pixels high."""
    width = round(tile * frame_HWC.shape[1] / frame_HWC.shape[0])
    return cv2.resize(frame_HWC, (width, tile), interpolation=cv2.INTER_AREA)


def save_jpeg(path: Path, picture: np.ndarray, quality: int = 82) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
    write_atomic(path, buffer.getvalue())


def save_webp(path: Path, pictures: list[np.ndarray], fps: int = 12, quality: int = 60) -> None:
    """Pictures that move, again and again."""
    first, *others = (Image.fromarray(picture) for picture in pictures)
    buffer = io.BytesIO()
    first.save(buffer, "WEBP", save_all=True, append_images=others, duration=round(1000 / fps), loop=0, quality=quality)
    write_atomic(path, buffer.getvalue())


def tables(result: dict) -> str:
    """Markdown that shows the sheets, from a page in the folder above theirs."""
    text = (
        f"Seeds 0 to {result['seeds'] - 1}, none left out, four in a row: first, middle and last of {result['frames']} frames, "
        "quality `good`.\n"
    )
    for row in result["rows"]:
        text += f"\n**{row['prompt']}**\n\n![{row['name']}](img/{row['file']})\n"
    return text
