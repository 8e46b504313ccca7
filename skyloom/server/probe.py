"""Run as a program on one file: decode it under limits of memory and time, and print what it holds, as JSON.

Pictures of it, as PNG in base64, come with that: some of its frames, or the mask that it is. So no other process has to decode
what came from outside before a worker films with it.
"""

import base64
import io
import json
import resource
import sys
from pathlib import Path
from typing import Any

MEMORY, SECONDS = 3 * 2**30, 60
SIDE = 768  # pixels of the longer side of a frame that is printed


def main(path: str, budget: int, wanted: str = "0", root: str = "", longest: str = "0") -> dict[str, Any]:
    """Decode at most `budget` pixels times frames. `wanted` is a number of frames to print, "mask", or "part": one frame, and
    what of a picture may play a part. Or "about": then nothing is decoded, and recipe and manifest are printed. `root` is the
    file of the certificate to trust. A film of more than `longest` seconds is refused before it is decoded."""
    if wanted == "about":
        from . import provenance

        return provenance.about(Path(path), Path(root))
    from ..base.clips import look  # these load the codecs under the limits
    from ..base.video import read_video
    from ..generate.takes import check_length

    frame, _ = read_video(path, max_frames=1)
    height, width = frame.shape[1:3]
    most = budget // (height * width)
    if not most:
        return {"error": f"is too large: {width}x{height} pixels."}
    try:
        check_length(path, look(path).seconds, float(longest))
    except ValueError as error:
        return {"error": str(error).removeprefix(f"{path}: ")}
    frames, fps = read_video(path, max_frames=most + 1)
    if len(frames) > most:
        return {"error": f"is too long: more than {most} frames of {width}x{height}."}
    about = {"width": width, "height": height, "frames": len(frames), "seconds": len(frames) / fps}
    if wanted == "mask":
        return about | {"pictures": [_mask(path)] if path.endswith((".png", ".webp")) else []}
    if wanted == "part":
        about |= _part(path) if len(frames) == 1 else {"unfit": "it moves. Give a picture."}
        wanted = "1"
    return about | {"pictures": _some(frames, int(wanted)), "recipe": _recipe(path)}


def _some(frames: Any, count: int) -> list[str]:
    """That many of the frames, evenly over the whole, the middle one where it is one."""
    from PIL import Image

    count = min(count, len(frames))
    chosen = [(2 * i + 1) * len(frames) // (2 * count) for i in range(count)]
    images = [Image.fromarray(frames[i]) for i in chosen]
    for image in images:
        image.thumbnail((SIDE, SIDE))
    return [_printed(image) for image in images]


def _part(path: str) -> dict[str, Any]:
    """The picture, scaled down where it is large, and whether its ground is empty; or why nothing can be cut out of it."""
    from PIL import Image

    from ..generate.casting import read_rgba, read_sprite, stands_alone

    try:
        read_sprite(path)
    except ValueError as error:
        return {"unfit": str(error).removeprefix(f"{path}: ")}
    rgba = read_rgba(path)
    return {"part": _printed(Image.fromarray(rgba)), "alone": stands_alone(rgba)}


def _mask(path: str) -> str:
    """The picture as white and black: white where it is transparent; one that is nowhere so, where it is light."""
    from PIL import Image

    with Image.open(path) as image:
        alpha = image.convert("RGBA").getchannel("A")
        if min(alpha.tobytes()) < 128:
            return _printed(alpha.point(lambda value: 255 if value < 128 else 0))
        return _printed(image.convert("L").point(lambda value: 255 if value > 127 else 0))


def _printed(image: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def _recipe(path: str) -> dict[str, Any] | None:
    from ..base.video import read_recipe

    try:
        recipe = read_recipe(path)
    except ValueError:
        return None
    return {"prompt": recipe["prompt"][:2000]} if isinstance(recipe.get("prompt"), str) else None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to no file
    try:
        report = main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
    except MemoryError:
        report = {"error": "takes more memory than this server spends on a file."}
    except (ValueError, OSError):
        report = {"error": "cannot be decoded. Is the file whole?"}
    print(json.dumps(report))
