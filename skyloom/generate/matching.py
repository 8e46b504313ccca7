"""Where a body is in a given frame, to the pixel, and in which pose: so that what is drawn goes on from there.

A plan reads given frames through the transformer, in latents: it is off by some pixels and per cent of size, and of poses it
knows nothing. Where one picture ends and the next is drawn that is a jump. The remembered pictures are laid over the given
frame about where the plan has the body, and the best match (correlation, so that light does not count) says how far it is
off: first small, among all poses, then in full, to parts of a pixel. Of what spins it says how far it has turned, too. From
frame to frame it is followed.

Dimension key: F frames, N pictures of a loop, S pixels a side; matrices map a picture, whose sides run from 0 to 1, to pixels.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

REACH, CLOSE = 0.12, 0.05  # of a body's side, within which it is looked for: at first, and where it is about known
SIZES, FINER = (0.9, 0.95, 1.0, 1.05, 1.1), (0.97, 1.0, 1.03)
TURNS = (1.0, 0.8, 0.55, 0.3, -0.3, -0.55, -0.8, -1.0)  # width over height of what spins
SMALL, LARGE = 48, 112  # pixels: bodies are compared about as large, at first and in the end
LEAST = 0.6  # correlation of a match
INSIDE = 0.6  # of a body that the frame must show
COARSE, FINE = 24, 64  # pixels: as large are bodies that stand behind something compared, at first and in the end
ALIKE, SHARE, IN_VIEW = 24, 0.62, 0.4  # levels that their pixels may be off, how many must not be, and must be in the frame
TONE, TINT = (0.3, 1.4), 2.2  # of a body in a frame, over its picture's: least and most, and of colours over each other
DARK = 8  # levels that are added to both: of what is black nobody can tell the tone


@dataclass(frozen=True)
class Match:
    pose: int
    size: float  # times what the plan says
    right: float  # pixels
    down: float
    turn: float | None = None  # width over height of what spins, below 0 where it shows its other side
    score: float = 1.0

    def onto(self, matrix: np.ndarray) -> np.ndarray:
        """The plan's matrix as this has it."""
        turned = matrix if self.turn is None else turned_to(matrix, self.turn)
        return _sized(turned, self.size) + np.array([[0, 0, self.right], [0, 0, self.down]])


def matched(frame_HW3: np.ndarray, loop_NSS4: np.ndarray, matrix: np.ndarray, spins: bool = False) -> Match | None:
    """The best match in a uint8 frame of pictures, uint8 premultiplied RGBA; None where there is no good one."""
    side, count = float(np.hypot(*matrix[:, :2]).max()), len(loop_NSS4)
    if side < 8:
        return None
    found: Match | None = Match(0, 1.0, 0.0, 0.0)
    if spins:
        some = range(0, count, max(1, count // 4))
        found = _best(frame_HW3, loop_NSS4, matrix, [Match(pose, 1.0, 0.0, 0.0, turn) for turn in TURNS for pose in some])
    for _ in range(2):
        found = found and _best(frame_HW3, loop_NSS4, matrix, [dataclasses.replace(found, pose=p) for p in range(count)])
        found = found and _best(frame_HW3, loop_NSS4, matrix, [dataclasses.replace(found, size=s) for s in SIZES])
    if found is None or found.score < LEAST:
        return None if spins else explained(frame_HW3, loop_NSS4, matrix)
    return _finer(frame_HW3, loop_NSS4, matrix, found)


def explained(frame_HW3: np.ndarray, loop_NSS4: np.ndarray, matrix: np.ndarray) -> Match | None:
    """The best match of what stands behind something, or is partly out of view: most of its pixels are as a picture has them,
    all in one tone (a truncated loss, as against outliers in Black & Anandan 1996). None where too few are."""
    side, count = float(np.hypot(*matrix[:, :2]).max()), len(loop_NSS4)
    if side < 8:
        return None
    tried = [Match(pose, size, 0.0, 0.0) for pose in range(0, count, max(1, count // 4)) for size in SIZES[::2]]
    for most, reach in ((COARSE, REACH), (FINE, CLOSE)):
        found = [one for guess in tried if (one := _explained(frame_HW3, loop_NSS4, matrix, guess, most, reach))]
        if not found:
            return None
        best = max(found, key=lambda one: one.score)
        poses = {(best.pose + by) % count for by in (-1, 0, 1)}
        tried = [dataclasses.replace(best, pose=pose, size=best.size * by) for by in FINER for pose in sorted(poses)]
    return best if best.score >= SHARE else None


def _explained(frame: np.ndarray, loop: np.ndarray, matrix: np.ndarray, guess: Match, most: int, reach: float) -> Match | None:
    """A guess at the best place near its own, and how many of the body's pixels in view are as the picture has them there."""
    full = guess.onto(matrix)
    side = max(float(np.hypot(*full[:, :2]).max()), 1.0)
    scale = min(1.0, most / side)
    by = max(1, round(reach * side * scale))
    body, left, top = _drawn(loop[guess.pose], full * scale)
    rows, columns = np.nonzero(body[..., 3] > 230)
    if len(rows) < 2 * most:
        return None
    near = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    down, across = (part.ravel() for part in np.mgrid[-by : by + 1, -by : by + 1])
    y, x = rows + top + down[:, None], columns + left + across[:, None]  # shifts x pixels
    inside = (y >= 0) & (x >= 0) & (y < near.shape[0]) & (x < near.shape[1])
    able = np.flatnonzero(inside.mean(1) >= IN_VIEW)
    if not len(able):
        return None
    y, x, inside = y[able].clip(0, near.shape[0] - 1), x[able].clip(0, near.shape[1] - 1), inside[able, :, None]
    seen, drawn = near[y, x].astype(np.float32) + DARK, body[rows, columns, :3].astype(np.float32) + DARK
    tone = np.nanmedian(np.where(inside, seen / drawn, np.nan), 1)
    alike = (np.abs(seen - drawn * tone[:, None]).max(2) < ALIKE) & inside[..., 0]
    fair = (tone.min(1) > TONE[0]) & (tone.max(1) < TONE[1]) & (tone.max(1) < TINT * tone.min(1))
    scores = alike.sum(1) / inside[..., 0].sum(1) * fair
    k = int(scores.argmax())
    off = down[able[k]] / scale, across[able[k]] / scale
    return dataclasses.replace(guess, right=guess.right + off[1], down=guess.down + off[0], score=float(scores[k]))


def followed(
    frames_FHW3: Sequence[np.ndarray], loop_NSS4: np.ndarray, matrices: Sequence[np.ndarray], at: Sequence[int], found: Match
) -> list[Match | None]:
    """The matches in further frames, each next to the one before, of which the first is next to the one in which a body was
    `found`; `at` says how many pictures of its loop farther on each is. None from where it is lost on."""
    matches: list[Match | None] = []
    for frame, matrix, ahead in zip(frames_FHW3, matrices, at, strict=True):
        guess = dataclasses.replace(found, pose=(found.pose + ahead) % len(loop_NSS4))
        tried = [guess]
        if guess.turn is not None:
            tried = [
                dataclasses.replace(guess, turn=float(np.clip(guess.turn + by, -1, 1))) for by in (-0.5, -0.25, 0, 0.25, 0.5)
            ]
        best = _best(frame, loop_NSS4, matrix, tried)
        best = best and _finer(frame, loop_NSS4, matrix, best)
        if best is None or best.score < LEAST:
            return matches + [None] * (len(at) - len(matches))
        matches.append(best)
        found = dataclasses.replace(best, pose=found.pose)
    return matches


def turn_of(matrix: np.ndarray) -> float:
    """Width over height, below 0 where the other side shows."""
    return float(np.linalg.det(matrix[:, :2]) / max(np.square(matrix[:, 1]).sum(), 1e-6))


def turned_to(matrix: np.ndarray, turn: float) -> np.ndarray:
    """The same with that width over its height, about its middle."""
    across, middle = np.array([matrix[1, 1], -matrix[0, 1]]) * turn, matrix @ [0.5, 0.5, 1]
    return np.column_stack([across, matrix[:, 1], middle - (across + matrix[:, 1]) / 2])


def _sized(matrix: np.ndarray, size: float) -> np.ndarray:
    """`size` times as large, about its middle."""
    middle = matrix @ [0.5, 0.5, 1]
    return np.column_stack([matrix[:, :2] * size, middle - matrix[:, :2].sum(1) * size / 2])


def _best(frame: np.ndarray, loop: np.ndarray, matrix: np.ndarray, tried: Sequence[Match]) -> Match | None:
    """The best of some matches, each looked for about where it is, on small pictures."""
    found = [one for guess in tried if (one := _laid(frame, loop, matrix, guess, SMALL, REACH))]
    return max(found, key=lambda one: one.score, default=None)


def _finer(frame: np.ndarray, loop: np.ndarray, matrix: np.ndarray, found: Match) -> Match:
    sized = [dataclasses.replace(found, size=found.size * by) for by in FINER]
    finer = [one for guess in sized if (one := _laid(frame, loop, matrix, guess, LARGE, CLOSE))]
    return max(finer, key=lambda one: one.score, default=found)


def _laid(frame: np.ndarray, loop: np.ndarray, matrix: np.ndarray, guess: Match, most: int, reach: float) -> Match | None:
    """A guess at the best place near its own, and the correlation there."""
    full = guess.onto(matrix)
    corners = full @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    side = max(float(np.hypot(*full[:, :2]).max()), 1.0)
    about = round(reach * side) + 3
    (x0, y0), (x1, y1) = np.floor(corners.min(1)).astype(int) - about, np.ceil(corners.max(1)).astype(int) + about
    x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, frame.shape[1]), min(y1, frame.shape[0])
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    scale = min(1.0, most / side)
    near = frame[y0:y1, x0:x1]
    near = cv2.resize(near, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else near
    scales = np.array([near.shape[1] / (x1 - x0), near.shape[0] / (y1 - y0)])
    at = (full - [[0, 0, x0], [0, 0, y0]]) * scales[:, None]
    body, left, top = _drawn(loop[guess.pose], at)
    right, bottom = left + body.shape[1], top + body.shape[0]
    height, width = near.shape[:2]
    if left >= width or top >= height or right <= 0 or bottom <= 0:
        return None
    seen = slice(max(0, -top), min(bottom, height) - top), slice(max(0, -left), min(right, width) - left)
    alpha = body[..., 3].astype(np.float32) / 255
    if alpha.sum() < 16 or alpha[seen].sum() < INSIDE * alpha.sum():
        return None
    shown, cover = body[seen][..., :3].astype(np.float32), (alpha[seen] > 0.9).astype(np.float32)
    found = cv2.matchTemplate(near.astype(np.float32), shown, cv2.TM_CCOEFF_NORMED, mask=cv2.merge([cover] * 3))
    found = np.where(np.isfinite(found), found, -1.0)
    row, column = divmod(int(found.argmax()), found.shape[1])
    off = np.array([column + _between(found[row], column) - max(left, 0), row + _between(found[:, column], row) - max(top, 0)])
    off = off / scales
    score = float(found[row, column])
    return dataclasses.replace(guess, right=guess.right + off[0], down=guess.down + off[1], score=score)


def _drawn(picture: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, int, int]:
    """A picture as a matrix lays it, and the left and top of what that covers."""
    corners = matrix @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1]])
    (left, top), (right, bottom) = np.floor(corners.min(1)).astype(int), np.ceil(corners.max(1)).astype(int)
    local = matrix / [len(picture), len(picture), 1]
    local[:, 2] += local[:, :2].sum(1) / 2 - 0.5 - [left, top]
    return cv2.warpAffine(picture, local, (right - left, bottom - top), flags=cv2.INTER_AREA), int(left), int(top)


def _between(line: np.ndarray, at: int) -> float:
    """How far the top of a parabola through a largest value and its neighbours is from it."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(v) for v in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
