"""Pictures of one's own as a film's cast: a file -> a sprite, cut out, on the lower edge. Nothing here loads torch."""

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..base.video import check_input
from ..models.vocabulary import Vocabulary
from ..worlds.art import as_sprite

LARGEST = 768  # pixels a side that are looked at
LIKE_GROUND = 14  # how far a colour may be from that of the border to be its ground
EMPTY = 0.9  # share of the border that is ground where a picture stands alone
LEAST, MOST = 0.02, 0.95  # share of a picture that stands out from its ground, MOST where that is not transparent


def read_sprite(path: str) -> np.ndarray:
    """A picture with a transparent or plain ground -> uint8 premultiplied RGBA (side, side, 4), what it shows filling it.

    OSError or ValueError, with a message to show, for a file that is none or in which nothing stands out.
    """
    rgba = read_rgba(path)
    plain = rgba[..., 3].min() == 255
    if plain:
        rgba[..., 3] = _outline(rgba[..., :3])
    share = float((rgba[..., 3] > 127).mean())
    if share < LEAST or (plain and share > MOST):
        raise ValueError(
            f"{path}: {100 * share:.0f} % of it stands out from its ground. "
            "Give a picture of one thing on a transparent or plain ground."
        )
    return as_sprite(rgba[None])[0]


def read_rgba(path: str) -> np.ndarray:
    """A picture, upright, scaled down where it is large: uint8 (H, W, 4). OSError or ValueError as of `read_sprite`."""
    check_input(path)
    try:
        with Image.open(path) as image:
            image.draft("RGB", (LARGEST, LARGEST))
            picture = ImageOps.exif_transpose(image).convert("RGBA")
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise ValueError(f"{path}: not a picture that can be read ({error}). Wanted PNG, WebP, GIF or JPEG.") from error
    picture.thumbnail((LARGEST, LARGEST))
    return np.array(picture)


def stands_alone(rgba: np.ndarray) -> bool:
    """Whether a picture has a ground that was left empty: transparent, or one colour all around its border."""
    border = np.concatenate([rgba[0], rgba[-1], rgba[:, 0], rgba[:, -1]]).astype(int)
    if rgba[..., 3].min() < 255:
        return bool((border[:, 3] < 128).mean() > EMPTY)
    return bool((np.abs(border - np.median(border, 0)).max(1) <= LIKE_GROUND).mean() > EMPTY)


def check_spoken(cast: Iterable[tuple[str, str]], prompts: Iterable[str], vocabulary: Vocabulary) -> None:
    """ValueError for a name, known to the vocabulary, that none of the prompts speaks of where it would be looked up."""
    spoken = {look for prompt in prompts for look in vocabulary.looks(prompt)}
    for name, _ in cast:
        if vocabulary.look(name) not in spoken:
            raise ValueError(f"cast: the prompt does not speak of {name!r}, or of too many others first. Name it there.")


def _outline(rgb: np.ndarray) -> np.ndarray:
    """Alpha (H, W): 0 where the colour of the border reaches into the picture, from one neighbour to the next."""
    height, width = rgb.shape[:2]
    ground = np.zeros((height + 2, width + 2), np.uint8)
    edge = [(x, y) for x in range(0, width, 8) for y in (0, height - 1)]
    edge += [(x, y) for y in range(0, height, 8) for x in (0, width - 1)]
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
    for point in edge:
        if not ground[point[1] + 1, point[0] + 1]:
            cv2.floodFill(np.ascontiguousarray(rgb), ground, point, 0, (LIKE_GROUND,) * 3, (LIKE_GROUND,) * 3, flags)
    return cv2.GaussianBlur(255 - ground[1:-1, 1:-1], (3, 3), 0)
