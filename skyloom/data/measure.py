"""One decode, every measure: pictures go by once, and leave numbers for cuts and scores, and a few small JPEGs.

Dimension key: T pictures, S samples (one every SAMPLE_SECONDS), H W pixels. Only numbers that depend on no threshold are taken
here; `shots` finds boundaries in them, `score` judges. Sizes and distances are shares of the picture, so that they hold at
every resolution; only `blocks` needs the pixels as they were stored.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from scenedetect import FrameTimecode
from scenedetect.detectors import AdaptiveDetector

from ..base.footage import Picture
from .detectors import Seen, TransNet
from .text_overlay import letters

LONG_SIDE = 256  # of the pictures that are looked at
FLOW_SIDE = 160
BLUR_SIDE = 480
ROUNDING = 0.15  # what rounding to whole levels adds to the fine detail of a picture without any, squared levels
THUMB = (9, 16)  # rows and columns that dissolves are told by
SAMPLE_SECONDS, FLOW_SECONDS = 0.5, 0.25  # between pictures that are sampled, and pairs whose flow is taken
TEXT_SECONDS = 1.0  # between samples in which letters are looked for: half of the work, and text stands for longer
JPEG_SIDE = 256
SEEN = 4.0  # grey levels
BLACK, WHITE = 20, 245  # grey levels of a border
NAMES = (
    "black",
    "white",
    "mean",
    "contrast",
    "colour",
    "blur",
    "blocks",
    "quantiser",
    "letters",
    "top",
    "bottom",
    "left",
    "right",
)


@dataclass
class Measured:
    """What a film left behind. Per picture: times_T, spread_T, thumbs_TN; per sample: `samples_SK`."""

    times_T: np.ndarray
    steps_T: np.ndarray  # grey levels by which the liveliest part of a picture differs from the one before; 0 for the first
    spread_T: np.ndarray  # 98th less 2nd percentile of grey, or the range of a colour over the thumb: 0 for a blank picture
    thumbs_TN: np.ndarray  # uint8, THUMB pictures of three colours in a row
    cuts: list[int]  # first pictures of new shots by PySceneDetect
    flow_at: np.ndarray  # picture numbers
    flow: np.ndarray  # per entry: camera and object motion, shares of the long side a second
    sample_at: np.ndarray
    samples_SK: np.ndarray  # columns as NAMES; letters are NaN where none were looked for
    jpegs: list[bytes]
    corrupt: int
    height: int
    width: int
    seen: list[Seen]  # per sample, what `Meter.look` returned; empty without
    ends_T: np.ndarray | None  # probability that a shot ends with this picture, by a network; None without

    def samples_in(self, start: int, end: int) -> np.ndarray:
        """Which samples lie in the shot [start, end); for one shorter than the time between samples, the nearest."""
        inside = np.flatnonzero((self.sample_at >= start) & (self.sample_at < end))
        return inside if len(inside) else np.array([np.abs(self.sample_at - (start + end) / 2).argmin()])


@dataclass
class Meter:
    """Feed it pictures in order, then take `result`."""

    cut_ratio: float = 3.0
    cut_change: float = 15.0
    look: Callable[[Picture, float], Seen] | None = None  # detectors, for a sample and its share under lines of letters
    network: TransNet | None = None  # that finds where shots end
    times: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)
    thumbs: list[np.ndarray] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    flow_at: list[int] = field(default_factory=list)
    flow: list[tuple[float, float]] = field(default_factory=list)
    sample_at: list[int] = field(default_factory=list)
    text_at: list[int] = field(default_factory=list)
    samples: list[list[float]] = field(default_factory=list)
    jpegs: list[bytes] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    corrupt: int = 0
    size: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        self.detector = AdaptiveDetector(
            adaptive_threshold=self.cut_ratio, min_scene_len=2, min_content_val=self.cut_change, window_width=2
        )
        self.dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.last: np.ndarray | None = None

    def add(self, picture: Picture) -> None:
        self.size = self.size if self.times else (picture.height, picture.width)
        rgb = picture.rgb(LONG_SIDE)
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        number = len(self.times)
        if self._due(self.sample_at, picture, SAMPLE_SECONDS):
            self._sample(picture, rgb, grey, number)
        if self.last is not None and self._due(self.flow_at, picture, FLOW_SECONDS):
            self.flow_at.append(number)
            self.flow.append(self._motion(self.last, grey, max(1e-3, picture.seconds - self.times[-1])))
        small = halved(rgb)  # tells the mean step as well as all do, at a quarter of the cost
        cuts = self.detector.process_frame(FrameTimecode(number, fps=25.0), cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        self.cuts += [cut.frame_num for cut in cuts]
        self.times.append(picture.seconds)
        self.steps.append(step(self.last, grey) if self.last is not None else 0)
        low, high = _levels(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), 0.02, 0.98)
        thumb = cv2.resize(small, THUMB[::-1], interpolation=cv2.INTER_AREA)
        self.spread.append(max(high - low, int(np.ptp(thumb, axis=(0, 1)).max())))
        self.thumbs.append(thumb.reshape(-1))
        self.corrupt += picture.corrupt
        if self.network:
            self.network.add(rgb)
        self.last = grey

    def result(self) -> Measured:
        """ValueError where no picture came."""
        if not self.times:
            raise ValueError("no picture can be decoded")
        return Measured(
            np.array(self.times), np.array(self.steps), np.array(self.spread), np.stack(self.thumbs), self.cuts,
            np.array(self.flow_at, int), np.array(self.flow, float).reshape(-1, 2), np.array(self.sample_at, int),
            np.array(self.samples, float), self.jpegs, self.corrupt, *self.size, self.seen,
            self.network.result() if self.network else None,
        )  # fmt: skip

    def _due(self, taken: list[int], picture: Picture, seconds: float) -> bool:
        return not taken or picture.seconds - self.times[taken[-1]] >= seconds - 1e-3

    def _sample(self, picture: Picture, rgb: np.ndarray, grey: np.ndarray, number: int) -> None:
        native, bars, written = picture.grey(), borders(grey), float("nan")
        if self._due(self.text_at, picture, TEXT_SECONDS):
            self.text_at.append(number)
            written = letters(native)
        self.sample_at.append(number)
        self.samples.append([
            float((grey <= 12).mean()), float((grey >= 250).mean()), float(grey.mean()) / 255, float(grey.std()) / 128,
            colourfulness(halved(rgb)), blur(native), blocks(inside(native, bars)), picture.quantiser(), written, *bars,
        ])  # fmt: skip
        if self.look:
            self.seen.append(self.look(picture, float(np.nan_to_num(written))))
        height, width = picture.fitted(JPEG_SIDE)
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 82])[1]
        self.jpegs.append(data.tobytes())

    def _motion(self, before: np.ndarray, after: np.ndarray, seconds: float) -> tuple[float, float]:
        """Camera and object motion between two pictures, in shares of the long side a second."""
        height, width = after.shape
        scale = FLOW_SIDE / max(height, width)
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        one, other = (cv2.resize(grey, size, interpolation=cv2.INTER_AREA) for grey in (before, after))
        field = self.dis.calc(one, other, np.zeros((*one.shape, 2), np.float32))[4::8, 4::8].reshape(-1, 2)
        grid = np.stack(np.meshgrid(np.arange(4, size[0], 8), np.arange(4, size[1], 8)), -1).reshape(-1, 2)
        camera, objects = split_motion(grid.astype(float), field.astype(float))
        return camera / FLOW_SIDE / seconds, objects / FLOW_SIDE / seconds


def halved(rgb: np.ndarray) -> np.ndarray:
    """Means of two by two pixels; an odd last row or column is left out, unless there is no other."""
    height, width = (max(1, side // 2) for side in rgb.shape[:2])
    return cv2.resize(rgb[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def step(before: np.ndarray, after: np.ndarray) -> int:
    """Grey levels by which 5 x 5 pixels change on average where there is most change (the last half hundredth left out)."""
    changed = cv2.blur(cv2.absdiff(before, after), (5, 5))
    return _levels(np.ascontiguousarray(changed[::2, ::2]), 0.995)[0]  # so smooth that every second one tells all


def inside(image: np.ndarray, bars: list[float]) -> np.ndarray:
    """What bars at the top, bottom, left and right leave, from whole 8 x 8 blocks, so that the grid stays where it was."""
    height, width = image.shape
    top, left = (-(-round(side * bar) // 8) * 8 for side, bar in ((height, bars[0]), (width, bars[2])))
    bottom, right = (round(side * (1 - bar)) // 8 * 8 for side, bar in ((height, bars[1]), (width, bars[3])))
    return image[top:bottom, left:right] if any(bars) else image


def split_motion(at_N2: np.ndarray, flow_N2: np.ndarray) -> tuple[float, float]:
    """Flow at points -> root mean square of what one affine camera explains, and the strong part (90 %) of the rest."""
    ones = np.concatenate([at_N2 - at_N2.mean(0), np.ones((len(at_N2), 1))], 1)
    weight: np.ndarray = np.ones(len(at_N2))
    rest = weight
    model = np.zeros((3, 2))
    for _ in range(4):  # reweighted least squares: what moves on its own loses its say
        weighted = ones * np.square(weight)[:, None]
        model = np.linalg.solve(weighted.T @ ones, weighted.T @ flow_N2)
        rest = np.hypot(*(flow_N2 - ones @ model).T)
        usual = float(np.partition(rest, len(rest) // 2)[len(rest) // 2])
        weight = 1 / (1 + np.square(rest / max(0.1, 1.5 * usual)))
    return float(np.sqrt(np.square(ones @ model).sum(1).mean())), float(np.quantile(rest, 0.9))


def blur(grey: np.ndarray) -> float:
    """0 sharp .. 1 blurred: how little detail of one pixel there is beside detail of four, where there is most of it.

    What rounding made is no detail: a soft picture of little contrast would look sharp by it.
    """
    scale = min(1.0, BLUR_SIDE / max(grey.shape))
    image = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    soft, softer = (cv2.GaussianBlur(image, (0, 0), sigma) for sigma in (0.8, 1.5))
    small = halved(softer)  # what is left of four pixels shows in every second one as well
    softest = cv2.GaussianBlur(small, (0, 0), (4.0**2 - 1.5**2) ** 0.5 / 2)
    # so smooth that every fourth pixel tells all
    fine = cv2.blur(np.square(image - soft), (33, 33))[: 2 * len(small) : 4, : 2 * small.shape[1] : 4]
    coarse = cv2.blur(np.square(small - softest), (17, 17))[::2, ::2]
    busy = coarse >= np.quantile(coarse, 0.5)
    ratio = np.quantile(np.sqrt(np.maximum(fine[busy] - ROUNDING, 0) / (coarse[busy] + 1.0)), 0.9)
    return float(max(0.0, 1 - ratio / 0.5))


def blocks(grey: np.ndarray) -> float:
    """How much more pixels vary across the borders of 8 x 8 blocks than inside: the mean logarithm, 0 where nothing shows.

    SEEN levels are added to both: steps of fewer levels, as good encoders leave them in a night sky, are not seen.
    """
    found = []
    for image in (grey, grey.T):
        image = image[:, : image.shape[1] // 8 * 8]
        if image.shape[1] < 32 or not len(image):  # bars may leave nothing of a picture that was torn
            continue
        columns = [image[:, i::8].astype(np.float32) for i in range(8)]  # of each block
        inside = _range(column[:, :-1] for column in columns[2:6])
        across = _range([columns[6][:, :-1], columns[7][:, :-1], columns[0][:, 1:], columns[1][:, 1:]])
        found.append(float(np.log((across + SEEN) / (inside + SEEN)).mean()))
    return max(found, default=0.0)


def _range(arrays: Iterable[np.ndarray]) -> np.ndarray:
    """Largest less smallest, number by number."""
    all_of_them = list(arrays)
    return functools.reduce(np.maximum, all_of_them) - functools.reduce(np.minimum, all_of_them)


def borders(grey: np.ndarray) -> list[float]:
    """Shares of the picture that bars of black or white take at the top, bottom, left and right."""
    found = []
    for image in (grey, grey.T):
        first, last = (round(share * (image.shape[1] - 1)) for share in (0.04, 0.96))
        black, white = (image <= BLACK).sum(1) > last, (image >= WHITE).sum(1) >= image.shape[1] - first
        bar = black | white
        ordered = np.sort(image[bar], axis=1).astype(int)
        bar[bar] = ordered[:, last] - ordered[:, first] <= 10
        found += [(len(bar) if bar.all() else int(side.argmin())) / len(bar) for side in (bar, bar[::-1])]
    return [0.0] * 4 if max(found) >= 0.95 else found  # all black is no border


def colourfulness(rgb: np.ndarray) -> float:
    """0 grey .. about 1 vivid (Hasler & Suesstrunk 2003)."""
    red, green, blue = (rgb[..., i].astype(np.float32) for i in range(3))
    a, b = red - green, (red + green) / 2 - blue
    return float(np.hypot(a.std(), b.std()) + 0.3 * np.hypot(a.mean(), b.mean())) / 110


def _levels(grey: np.ndarray, *shares: float) -> list[int]:
    """The levels below which these shares of the pixels lie."""
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel())
    return [int(level) for level in np.searchsorted(counts, [share * counts[-1] for share in shares])]
