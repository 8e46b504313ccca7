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
    from ..generate.takes import check_length

    about = look(path)
    most = budget // (about.height * about.width)
    if not most:
        return {"error": f"is too large: {about.width}x{about.height} pixels."}
    try:
        check_length(path, about.seconds, float(longest))
    except ValueError as error:
        return {"error": str(error).removeprefix(f"{path}: ")}
    frames, pictures = _seen(path, about.frames, int(wanted) if wanted.isdecimal() else int(wanted == "part"), most)
    if frames > most:
        return {"error": f"is too long: more than {most} frames of {about.width}x{about.height}."}
    facts: dict[str, Any] = {"width": about.width, "height": about.height, "frames": frames}
    facts["seconds"] = frames / (about.fps or 1)
    if wanted == "mask":
        return facts | {"pictures": [_mask(path)] if path.endswith((".png", ".webp")) else []}
    if wanted == "part":
        facts |= _part(path) if frames == 1 else {"unfit": "it moves. Give a picture."}
    return facts | {"pictures": pictures, "recipe": _recipe(path)}


def _seen(path: str, told: int, count: int, most: int) -> tuple[int, list[str]]:
    """Decode every frame, up to one more than `most`, and keep none: how many there are, and `count` of them printed, evenly
    over as many as the container `told` of, the middle one where it is one. A file that breaks off gives what it has."""
    from PIL import Image

    from ..base.footage import pictures

    count = min(count, max(told, 1))
    chosen = {(2 * i + 1) * told // (2 * count) for i in range(count)}
    frames, last = 0, None
    printed: list[str] = []
    try:
        for last in pictures(path):
            if last.number in chosen:
                printed.append(_printed(Image.fromarray(last.rgb(SIDE))))
            frames = last.number + 1
            if frames > most:
                break
    except ValueError:
        if not frames:
            raise
    if count and not printed and last:  # it ended before the first that was chosen
        printed = [_printed(Image.fromarray(last.rgb(SIDE)))]
    return frames, printed


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
