"""Where a body is in a given frame, to the pixel, and in which pose: so that what is drawn goes on from there.

A plan reads given frames through the transformer, in latents: it is off by some pixels and per cent of size, and of poses it
knows nothing. Where one picture ends and the next is drawn that is a jump. The remembered pictures are laid over the given
frame about where the plan has the body, and the best match (correlation, so that light does not count) says how far it is
off.

Dimension key: N pictures of a loop, S pixels a side; matrices map a picture, whose sides run from 0 to 1, to pixels.
"""

from dataclasses import dataclass

import cv2
import numpy as np

REACH = 0.12  # of a body's side, within which it is looked for
SIZES = (0.9, 0.95, 1.0, 1.05, 1.1)
SMALL = 48  # pixels: bodies are compared about as large
LEAST = 0.6  # correlation of a match
INSIDE = 0.6  # of a body that the frame must show


@dataclass(frozen=True)
class Match:
    pose: int
    size: float  # times what the plan says
    right: float  # pixels
    down: float


def matched(frame_HW3: np.ndarray, loop_NSS4: np.ndarray, matrix: np.ndarray) -> Match | None:
    """The best match in a uint8 frame of pictures, uint8 premultiplied RGBA; None where there is no good one."""
    side = float(np.hypot(*matrix[:, :2]).max())
    if side < 8:
        return None
    scale = min(1.0, SMALL / side)
    small = cv2.resize(frame_HW3, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame_HW3
    at = matrix * scale
    tried = [(found, pose) for pose in range(len(loop_NSS4)) if (found := _laid(small, loop_NSS4[pose], at, 1.0))]
    if not tried:
        return None
    pose = max(tried)[1]
    sized = [(found, size) for size in SIZES if (found := _laid(small, loop_NSS4[pose], at, size))]
    size = max(sized)[1]
    again = [(found, pose) for pose in range(len(loop_NSS4)) if (found := _laid(small, loop_NSS4[pose], at, size))]
    (score, right, down), pose = max(again)
    return Match(pose, size, right / scale, down / scale) if score >= LEAST else None


def _laid(frame: np.ndarray, picture: np.ndarray, matrix: np.ndarray, size: float) -> tuple[float, float, float] | None:
    """Correlation of a picture, `size` times as large about its middle, at the best place nearby, and how far that is off."""
    middle = matrix @ np.array([0.5, 0.5, 1])
    grown = np.column_stack([matrix[:, :2] * size, middle - matrix[:, :2].sum(1) * size / 2])
    corners = grown @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    (left, top), (right, bottom) = np.floor(corners.min(1)).astype(int), np.ceil(corners.max(1)).astype(int)
    local = grown / [len(picture), len(picture), 1]
    local[:, 2] += local[:, :2].sum(1) / 2 - 0.5 - [left, top]
    body = cv2.warpAffine(picture, local, (int(right - left), int(bottom - top)), flags=cv2.INTER_AREA)
    reach = max(2, round(REACH * max(right - left, bottom - top)))
    height, width = frame.shape[:2]
    near = slice(max(top - reach, 0), min(bottom + reach, height)), slice(max(left - reach, 0), min(right + reach, width))
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    seen = slice(max(0, -top), min(bottom, height) - top), slice(max(0, -left), min(right, width) - left)
    alpha = body[..., 3].astype(np.float32) / 255
    if alpha.sum() < 16 or alpha[seen].sum() < INSIDE * alpha.sum():
        return None
    shown, cover = body[seen][..., :3].astype(np.float32), (alpha[seen] > 0.9).astype(np.float32)
    found = cv2.matchTemplate(frame[near].astype(np.float32), shown, cv2.TM_CCOEFF_NORMED, mask=cv2.merge([cover] * 3))
    found = np.where(np.isfinite(found), found, -1.0)
    row, column = np.unravel_index(int(found.argmax()), found.shape)
    origin = near[1].start + column, near[0].start + row
    return float(found[row, column]), float(origin[0] - max(left, 0)), float(origin[1] - max(top, 0))
