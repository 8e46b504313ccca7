"""How the camera goes in given frames, and what stands there behind all that moves.

Nobody says of a given clip how its camera goes, but what stands still in it shows: corners are followed from frame to frame
(Lucas & Kanade 1981), and the camera's step is the one under which most of them would move so (iteratively reweighted least
squares; what a step does is linear in it, as models/panorama has it). What falls, blows or passes by is where few frames agree.

Dimension key: F frames, H W pixels, N corners.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..models.layers import exact
from ..models.panorama import BACK, BACK_TILT, BACK_ZOOM, EYE, FAR, FEET_FAR, FEET_NEAR, NEAR, seen_from, to_frame
from ..models.vae import FOLD

CORNERS, APART = 240, 5  # at most, and pixels between two
FEWEST = 8  # corners that tell a step
SPECK = 5  # pixels: what is smaller may fall or blow
LARGER, STRONG = 9, 0.12  # the same of a single picture, and how much it differs, of -1 to 1
THERE_AND_BACK = 0.5  # pixels by which a corner that is followed forward and back may be off
ROUNDS, LEAST, RIGHT = 8, 0.2, 0.4  # of reweighting; pixels by which corners are off that count in full, and that are right
FREE: tuple[tuple[int, ...], ...] = ((), (0,), (1,), (2,), (0, 1), (0, 1, 2))  # of across, down and zoom
BETTER, CLEAR = 0.06, 0.3  # shares of all corners by which more freedom must explain more, and that must be right
HIDDEN = 0.1  # of a pixel that belongs to a body or its surroundings
VOICES, AGREED = 9, 4  # frames that say what stands, and how many of them must see it
PACED, FADES = 4, 12  # steps that say how fast the camera goes, and frames after which it goes as planned
AIR, NEARLY = 0.08, 2  # of -1 to 1, by which what is in the air differs from what is behind it and around that, in pixels


def surveyed(film_13FHW: Tensor, known: Sequence[bool], hidden_1FHW: Tensor, way_1F5: Tensor) -> Tensor:
    """The way of the camera, frame by frame, with known frames at one end as they show it: from the one that is next to a new
    one on it goes there as it was, and what they say of it fades into the plan's own pace."""
    fresh = [i for i, so in enumerate(known) if not so]
    if not fresh or known[0] == known[-1] or fresh != list(range(fresh[0], fresh[-1] + 1)):
        return way_1F5
    run = range(fresh[0] - 1, -1, -1) if known[0] else range(fresh[-1] + 1, len(known))
    ahead = fresh if known[0] else fresh[::-1]
    grey = [_grey(film_13FHW, i) for i in run]
    stands = [(hidden_1FHW[0, i].float() < HIDDEN).byte().cpu().numpy() for i in run]
    mine = way_1F5[0, run[0]]
    steps = camera_steps(grey, stands, *mine[3:].tolist())
    if steps is None:
        return way_1F5
    way = way_1F5.clone()
    way[0, list(run)[1:], :3] = mine[:3] + torch.from_numpy(np.cumsum(steps, 0)).to(way)
    moves = [k for k in range(len(steps)) if (grey[k] != grey[k + 1]).any()]  # a film's first frame is there FOLD times
    pace = -np.median(steps[moves[:PACED]], 0) if moves else np.zeros(3)
    own = (way_1F5[0, ahead[1], :3] - way_1F5[0, ahead[0], :3]).float().cpu().numpy() if len(ahead) > 1 else np.zeros(3)
    fade = np.clip(1 - np.arange(len(ahead)) / FADES, 0, 1)
    way[0, ahead, :3] += torch.from_numpy(np.cumsum(fade[:, None] * (pace - own), 0)).to(way)
    return way


def camera_steps(
    grey_FHW: Sequence[np.ndarray], stands_FHW: Sequence[np.ndarray], pivot: float, horizon: float
) -> np.ndarray | None:
    """What a camera does from each grey frame to the next, F - 1 3: across, down (short sides) and zoom (log); None where too
    little is seen. Corners are looked for where a frame `stands`. Of all that a camera may do the least is taken that explains
    what is seen: one that stands does not creep."""
    seen = [_moved(one, other, where) for one, other, where in zip(grey_FHW, grey_FHW[1:], stands_FHW, strict=False)]
    if not seen or min(len(at) for at, _ in seen) < FEWEST:
        return None
    total = sum(len(at) for at, _ in seen)
    found = []
    for free in FREE:
        fits = [_fitted(at, off, free, pivot, horizon, grey_FHW[0].shape) for at, off in seen]
        found.append((sum(right for _, right in fits) / total, np.stack([step for step, _ in fits])))
    most = max(share for share, _ in found)
    return next(steps for share, steps in found if share >= most - BETTER) if most > CLEAR else None


def _moved(before_HW: np.ndarray, after_HW: np.ndarray, stands_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a frame and where they have gone in the next, N 2 each, in pixels."""
    before_HW, after_HW = (cv2.medianBlur(one, SPECK) for one in (before_HW, after_HW))
    corners = cv2.goodFeaturesToTrack(before_HW, CORNERS, 0.01, APART, mask=stands_HW)
    if corners is None or len(corners) < FEWEST:
        return np.zeros((0, 2)), np.zeros((0, 2))
    moved, found = _followed(before_HW, after_HW, corners)
    back, again = _followed(after_HW, before_HW, moved)
    seen = found & again & (np.abs(back - corners).max((1, 2)) < THERE_AND_BACK)
    return corners[seen, 0], (moved - corners)[seen, 0]


def _fitted(
    at_N2: np.ndarray, off_N2: np.ndarray, free: Sequence[int], pivot: float, horizon: float, size: tuple[int, ...]
) -> tuple[np.ndarray, int]:
    """The step under which most corners would move as they did, if only so much of it is `free`; how many do."""
    unit, tall = min(size), size[0] / min(size)
    column, row = (at_N2[:, 0] + 0.5 - size[1] / 2) / unit, (at_N2[:, 1] + 0.5) / unit
    behind = row < horizon * tall
    depth = ((row - horizon * tall) / max(tall - horizon * tall, 0.05) - FEET_FAR) / (FEET_NEAR - FEET_FAR)
    parallax = np.where(behind, BACK, FAR + (NEAR - FAR) * depth)
    zoomed, nothing = np.where(behind, BACK_ZOOM, 1.0), np.zeros_like(row)
    across = np.stack([pivot - parallax, nothing, zoomed * column], 1)
    down = np.stack([nothing, -np.where(behind, BACK_TILT, 1.0), zoomed * (row - EYE * tall)], 1)
    system, wanted = unit * np.concatenate([across, down])[:, free], np.concatenate([off_N2[:, 0], off_N2[:, 1]])
    weights, step = np.ones(len(row)), np.zeros(len(free))
    error = np.hypot(*wanted.reshape(2, -1))
    for _ in range(ROUNDS if len(free) else 0):
        double = np.sqrt(np.concatenate([weights, weights]))
        step = np.linalg.lstsq(system * double[:, None], wanted * double, rcond=None)[0]
        error = np.hypot(*(wanted - system @ step).reshape(2, -1))
        weights = 1 / (1 + (error / max(LEAST, float(np.median(error)))) ** 2) ** 2  # (Geman & McClure 1987)
    whole = np.zeros(3)
    whole[list(free)] = step
    return whole, int((error < RIGHT).sum())


def _followed(before_HW: np.ndarray, after_HW: np.ndarray, corners_N12: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    moved, found, _ = cv2.calcOpticalFlowPyrLK(before_HW, after_HW, corners_N12, None, winSize=(15, 15), maxLevel=3)  # type: ignore[call-overload]
    return moved, found[:, 0] == 1


def without_specks(picture_HW3: np.ndarray) -> np.ndarray:
    """A picture, or the difference of two, without what is small and strong."""
    median = cv2.medianBlur((picture_HW3 * 63.5 + 128).round().clip(0, 255).astype(np.uint8), LARGER).astype(np.float32)
    median = (median - 128) / 63.5
    strong = np.abs(picture_HW3 - median).max(2, keepdims=True) > STRONG
    return np.where(cv2.dilate(strong.astype(np.uint8), np.ones((3, 3)))[..., None] > 0, median, picture_HW3)


def _grey(film_13FHW: Tensor, frame: int) -> np.ndarray:
    grey = (film_13FHW[0, :, frame].float().mean(0) + 1) * 127.5
    return np.ascontiguousarray(grey.round().clamp(0, 255).byte().cpu().numpy())


def without_air(
    film_13FHW: Tensor, known: Sequence[bool], hidden_1FHW: Tensor, way_1F5: Tensor, edge: int, falls: bool = False
) -> Tensor:
    """One known frame without what falls or blows there: where it is not as most of those around it are, it is as they are.
    Of a single picture that nobody can tell: there, if something `falls`, what is small and strong is taken for it."""
    first = max((i + 1 for i in range(edge) if not known[i]), default=0)
    last = min((i for i in range(edge, len(known)) if not known[i]), default=len(known))
    at = sorted({round(v) for v in np.linspace(first, last - 1, VOICES)})
    if last - first <= FOLD:  # one picture, held
        frame = film_13FHW[0, :, edge].float()
        plain = torch.from_numpy(without_specks(frame.permute(1, 2, 0).cpu().numpy())).to(frame).permute(2, 0, 1)
        return (plain if falls else frame)[None]
    size = film_13FHW.shape[3], film_13FHW.shape[4]
    camera = seen_from(way_1F5, edge, *size)
    mine, voices, agree = film_13FHW[:, :, edge].float(), [], []
    with exact(film_13FHW.device):
        for i in at:
            sure = (hidden_1FHW[:, i, None] < 0.5).float()
            part = torch.cat([film_13FHW[:, :, i].float(), sure], 1)
            seen = F.grid_sample(part, to_frame(camera[:, i], *size, (0, 0)), align_corners=False)
            there = seen[:, 3:] > 0.99
            voices.append(torch.where(there, seen[:, :3], torch.nan))
            most = F.max_pool2d(seen[:, :3], 2 * NEARLY + 1, 1, NEARLY) + AIR
            least = -F.max_pool2d(-seen[:, :3], 2 * NEARLY + 1, 1, NEARLY) - AIR
            agree.append(torch.where(there, ((mine < most) & (mine > least)).all(1, keepdim=True).float(), torch.nan))
    heard, agreed = torch.stack(voices), torch.stack(agree)
    lonely = (agreed.nanmean(0) < 0.5) & ((~agreed.isnan()).sum(0) >= AGREED)
    share = F.max_pool2d(lonely.float(), 3, 1, 1)
    return torch.where((share > 0) & ~heard[:, :, :1].isnan().all(0), heard.nanmedian(0).values, mine)
