"""Contact sheets of seeds 0 to 15, none left out: what the model does, not the best of what it does."""

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ..base.checkpoint import write_atomic
from ..base.video import contact_sheet
from .clips import Bench

FRAMES, SEEDS, TILE = 17, 16, 96
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
    """Writes FOLDER/sheet-NAME.jpg for each prompt: a strip of first, middle and last frame for each seed."""
    rows = []
    for name, prompt in prompts.items():
        strips = []
        for seed in range(seeds):
            strips.append(strip(bench.generated(prompt, FRAMES, seed)))
            bench.say(f"sheets: {name}", seed + 1, seeds)
        path = folder / f"sheet-{name}.jpg"
        save_jpeg(path, contact_sheet(strips, columns=4))
        rows.append({"name": name, "prompt": prompt, "file": path.name})
    return {"rows": rows, "seeds": seeds, "frames": FRAMES}


def strip(frames_THWC: np.ndarray, tile: int = TILE) -> np.ndarray:
    """First, middle and last frame side by side, each `tile` pixels high."""
    return strip_of(frames_THWC, 3, tile)


def strip_of(frames_THWC: np.ndarray, count: int, tile: int) -> np.ndarray:
    """At most `count` frames, evenly spread from first to last, side by side, each `tile` pixels high."""
    at = np.linspace(0, len(frames_THWC) - 1, min(count, len(frames_THWC)))
    width = round(tile * frames_THWC.shape[2] / frames_THWC.shape[1])
    chosen = frames_THWC[at.astype(int)]
    return np.concatenate([cv2.resize(frame, (width, tile), interpolation=cv2.INTER_AREA) for frame in chosen], 1)


def save_jpeg(path: Path, picture: np.ndarray, quality: int = 82) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
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
