"""Do things fall as they should? Actors that fall and jump are tracked, a parabola is fitted to their flight, and its gravity
compared with the world's. The same on real clips says how well the tracking itself does.

Dimension key: T frames, H W pixels. Heights are in short sides of the frame, upwards; times are seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..models.probe import Probe
from ..worlds.motion import AIRY_PLACES, GRAVITY, poses
from ..worlds.nouns import core_nouns
from ..worlds.sample import abilities, held_out
from ..worlds.scene import PLACES, Actor, Scene
from .clips import FPS, STREAM, Bench, prompt_of
from .report import table

FRAMES = 17
PATCH = 9  # pixels: half the side of the piece of an actor that is followed
REACH = 14  # pixels that it may stray from where it is expected
LIKE = 0.35  # least correlation with how it looked a frame before
GROUNDED = 0.12  # share of the range of heights that still counts as standing on the ground
FEWEST = 4  # tracked frames that make a flight


@dataclass(frozen=True)
class Flight:
    """A parabola through one flight. `error` is the root mean square distance of the track to it, over the flight's height."""

    gravity: float  # short sides per second squared
    error: float
    frames: int


def main(bench: Bench) -> dict:
    """Rows: real and generated clips, each for falls and jumps."""
    rows = []
    for action in ("fall", "jump"):
        bench = replace(bench, size=frame_for(action, bench))
        chosen = falling_scenes(action, bench.n, bench.seed)
        flights: dict[str, list[Flight | None]] = {"true motion": [], "real": [], "generated": []}
        for i, scene in enumerate(chosen):
            noun = scene.actors[0].noun
            film = bench.generated(prompt_of(scene), FRAMES, bench.seed + i)
            flights["true motion"].append(fit_flight(true_heights(scene)))
            for name, clip in (("real", bench.real(scene, FRAMES)), ("generated", film)):
                flights[name].append(fit_flight(track(clip, located(bench.probe, clip, noun))))
            bench.say(f"physics: {action}", i + 1, len(chosen))
        rows += [{"name": name, "action": action, **summary(found)} for name, found in flights.items()]
    return {"rows": rows, "gravity": GRAVITY}


def frame_for(action: str, bench: Bench) -> tuple[int, int]:
    """Height and width: a fall begins above a square frame, so a tall one is taken where the model was trained on those."""
    tall = [(b.height, b.width) for b in bench.bundle.config.model.buckets if b.height > b.width and b.frames > 1]
    return tall[0] if action == "fall" and tall else bench.size


def falling_scenes(action: str, n: int, seed: int = 0) -> list[Scene]:
    """One actor that falls or jumps, alone, in clear daylight under a still camera, in combinations that training shows."""
    rng = np.random.default_rng((seed, len(action)))
    grounds = [place for place in PLACES if place not in (*AIRY_PLACES, "sea")]
    found: list[Scene] = []
    cast = core_nouns()
    while len(found) < n:
        noun, place = cast[rng.integers(len(cast))], grounds[rng.integers(len(grounds))]
        if action not in abilities(noun, place) or held_out("place", noun.key, place) or held_out("action", noun.key, action):
            continue
        actor = Actor(
            noun.key, (action,), x=float(rng.uniform(-0.3, 0.3)), depth=float(rng.uniform(0.45, 0.7)), phase=float(rng.random())
        )
        found.append(Scene((actor,), place, seconds=FRAMES / FPS, seed=(STREAM + int(rng.integers(1 << 24))) * 4 + 1))
    return found


def true_heights(scene: Scene) -> np.ndarray:
    """Height of the first body of the scene above its ground, (FRAMES,)."""
    return poses(scene, np.arange(FRAMES) / FPS).height[0]


def located(probe: Probe, frames_THWC: np.ndarray, noun: str) -> np.ndarray:
    """Row and column of the noun in each frame, (T, 2) pixels, to about half a cell; NaN where the probe does not see it."""
    found = np.full((len(frames_THWC), 2), np.nan)
    height, width = frames_THWC.shape[1:3]
    for t, frame in enumerate(frames_THWC):
        chance = probe.locate(frame[None], noun)[0]
        if chance.max() > 0.15:
            found[t] = centre_of(chance) * (height / chance.shape[0], width / chance.shape[1])
    return found


def centre_of(weight_hw: np.ndarray) -> np.ndarray:
    """Row and column of the centre of the heaviest spot (3 x 3) of a map, in its own cells."""
    top = np.array(np.unravel_index(weight_hw.argmax(), weight_hw.shape))
    low, high = np.maximum(top - 1, 0), np.minimum(top + 2, weight_hw.shape)
    spot = weight_hw[low[0] : high[0], low[1] : high[1]]
    grid = np.stack(np.meshgrid(*(np.arange(a, b) + 0.5 for a, b in zip(low, high, strict=True)), indexing="ij"), -1)
    return (grid * spot[..., None]).sum((0, 1)) / spot.sum()


def track(frames_THWC: np.ndarray, where_T2: np.ndarray) -> np.ndarray:
    """Height of an actor over time, (T,) from an arbitrary zero; NaN where it is lost.

    `where_T2` says roughly where the actor is, in rows and columns. A patch of it is followed from frame to frame, forwards and
    backwards from the frame where it is farthest from the border, so that slow changes of its looks do no harm.
    """
    height, width = frames_THWC.shape[1:3]
    heights = np.full(len(frames_THWC), np.nan)
    margin = np.minimum(where_T2, (height, width) - where_T2).min(1)
    if not np.isfinite(margin).any() or np.nanmax(margin) < PATCH:
        return heights
    start = int(np.nanargmax(margin))
    for step in (1, -1):
        at = where_T2[start].copy()
        heights[start] = -at[0] / min(height, width)
        for t in range(start, len(frames_THWC) - 1 if step > 0 else 0, step):
            at = follow(frames_THWC[t], frames_THWC[t + step], at, where_T2[t + step] - where_T2[t])
            if at is None:
                break
            heights[t + step] = -at[0] / min(height, width)
    return heights


def follow(before: np.ndarray, after: np.ndarray, at: np.ndarray, guess: np.ndarray) -> np.ndarray | None:
    """Where the patch around `at` (row, column) went, to a fraction of a pixel; None where it left the frame or nothing there
    looks like it. `guess` is about how far it goes."""
    row, column = np.rint(at).astype(int)
    height, width = before.shape[:2]
    if not (PATCH <= row <= height - PATCH and PATCH <= column <= width - PATCH):
        return None
    patch = before[row - PATCH : row + PATCH, column - PATCH : column + PATCH]
    guess = np.rint(guess).astype(int) if np.isfinite(guess).all() else np.zeros(2, int)
    reach = (REACH, REACH // 2) if guess.any() else (2 * REACH, REACH)
    top, left = (max(0, c + g - PATCH - r) for c, g, r in zip((row, column), guess, reach, strict=True))
    bottom, right = (
        min(side, c + g + PATCH + r) for c, g, r, side in zip((row, column), guess, reach, (height, width), strict=True)
    )
    if bottom - top < 2 * PATCH or right - left < 2 * PATCH:
        return None
    likeness = cv2.matchTemplate(after[top:bottom, left:right], patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (x, y) = cv2.minMaxLoc(likeness)
    if best < LIKE:
        return None
    row_part, column_part = peak(likeness[:, x], y), peak(likeness[y], x)
    return np.array([at[0] + top + y + row_part - (row - PATCH), at[1] + left + x + column_part - (column - PATCH)])


def peak(values: np.ndarray, at: int) -> float:
    """How far the top of a parabola through the best value and its neighbours lies from the best one, -0.5..0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    below, here, above = values[at - 1 : at + 2]
    return float(0.5 * (below - above) / min(below - 2 * here + above, -1e-6))


def fit_flight(heights_T: Sequence[float] | np.ndarray, fps: float = FPS) -> Flight | None:
    """A parabola through the longest stretch off the ground that opens downwards; None where there is none.

    A flight ends where the heights are low again, and begins where they leave the ground or stop resting at the top.
    """
    y = np.asarray(heights_T, float)
    seen = y[np.isfinite(y)]
    if len(seen) < FEWEST or np.ptp(seen) < 0.04:
        return None
    floor, span = seen.min(), np.ptp(seen)
    airborne = np.isfinite(y) & (np.nan_to_num(y, nan=floor) > floor + GROUNDED * span)
    best: Flight | None = None
    for first, last in _stretches(airborne):
        while (
            last - first > FEWEST and abs(y[first + 1] - y[first]) < 0.02 * span and abs(y[first + 2] - y[first]) < 0.04 * span
        ):
            first += 1  # still resting at the top
        if last - first < FEWEST:
            continue
        times = np.arange(first, last) / fps
        curve = np.polyfit(times - times.mean(), y[first:last], 2)
        error = float(np.sqrt(np.mean((np.polyval(curve, times - times.mean()) - y[first:last]) ** 2)) / np.ptp(y[first:last]))
        flight = Flight(float(-2 * curve[0]), error, last - first)
        if flight.gravity > 0 and (best is None or flight.frames > best.frames):
            best = flight
    return best


def _stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """[first, last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def summary(found: list[Flight | None]) -> dict[str, float | int | None]:
    """Share of clips with a flight, median gravity over the world's, share within a quarter of it, median error."""
    flights = [flight for flight in found if flight is not None]
    ratios = np.array([flight.gravity / GRAVITY for flight in flights])
    return {
        "clips": len(found),
        "tracked": len(flights) / max(1, len(found)),
        "gravity": float(np.median(ratios)) if flights else None,
        "near": float(np.mean(np.abs(ratios - 1) < 0.25)) if flights else None,
        "error": float(np.median([flight.error for flight in flights])) if flights else None,
    }


def tables(result: dict) -> str:
    """Markdown: one row for each kind of clip and action."""
    rows = []
    for row in result["rows"]:
        figures = ["", "", ""]
        if row["gravity"] is not None:
            figures = [f"{row['gravity']:.2f}", f"{row['near']:.0%}", f"{row['error']:.1%} of its height"]
        rows.append([row["name"], row["action"], f"{row['tracked']:.0%} of {row['clips']}", *figures])
    return table(["clips", "action", "flights found", "gravity / true", "within 25 %", "distance to the parabola"], rows)
