"""Networks that others trained, from ONNX files that the user brings, and a reader: what they see stands beside our own scores.

Dimension key: S pictures of a shot, T pictures of a film, H W pixels. An ONNX file is a graph of numbers and runs no code of
its own. Nothing is downloaded. What differs between two files of one kind stands in a small JSON file beside them (`Wants`).
"""

import functools
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..base.footage import Picture
from ..config import override
from .settings import DetectConfig

SIDE = 224  # of a classifier's picture where its file leaves it open
FACE_SIDE = 640  # long side of the pictures that faces are looked for in
FACE_SURE = 0.8  # confidence from which on a face counts
WINDOW, STEP = 100, 50  # pictures that TransNetV2 sees, and in their middle those that it is asked about
TINY = (48, 27)  # width and height of its pictures
READ_SIDE = 1280  # long side of the pictures that are read
READ_SURE = 60.0  # confidence, of 100, from which on a word counts
READ_SECONDS = 60  # that one picture may take
TYPES: dict[str, type[np.generic]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Wants:
    """How a network wants its pictures and what its outputs mean; NAME.json beside NAME.onnx changes some of it."""

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)  # of red, green and blue, 0..1, that is taken off
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)  # that it is divided by then
    bgr: bool = False  # blue first
    logits: bool = True  # outputs are no probabilities yet
    harmful: tuple[int, ...] = (-1,)  # outputs whose probabilities add up to the score


@dataclass(frozen=True)
class Network:
    """A network, its wants, and its first input."""

    path: str
    session: Any
    wants: Wants
    name: str
    shape: list[Any]  # numbers, and names or None where the file leaves them open
    kind: type[np.generic]

    def run(self, array: np.ndarray) -> np.ndarray:
        """The first output, flat. RuntimeError where the network takes no such input."""
        try:
            return np.asarray(self.session.run(None, {self.name: array.astype(self.kind)})[0], np.float64).reshape(-1)
        except Exception as error:  # of types that onnxruntime makes at run time
            raise RuntimeError(f"{self.path}: cannot take {array.shape}: {_line(error)}") from None


@dataclass(frozen=True)
class Seen:
    """What detectors saw in one picture."""

    numbers: dict[str, float]
    lines: tuple[str, ...] = ()  # of text


def try_out(config: DetectConfig, transnet: str = "") -> None:
    """Runs each detector that is set on a blank picture, so that what is wrong shows once and before any film.

    ValueError for a file that is missing or not what it should be, RuntimeError for what does not run or is not installed.
    """
    if config.nsfw:
        nudity(config.nsfw, np.zeros((1, SIDE, SIDE, 3), np.uint8))
    if config.faces:
        faces(config.faces, np.zeros((SIDE, SIDE, 3), np.uint8))
    if config.read:
        read(config.read, np.zeros((SIDE, SIDE), np.uint8))
    if transnet:
        blank = TransNet(transnet)
        blank.add(np.zeros((SIDE, SIDE, 3), np.uint8))
        blank.result()


def looking(config: DetectConfig) -> Callable[[Picture, float], Seen] | None:
    """What `Meter` asks about its samples, or None where no detector for them is set. Only what bears letters is read."""

    def look(picture: Picture, letters: float) -> Seen:
        numbers = faces(config.faces, picture.rgb(FACE_SIDE)) if config.faces else {}
        lines = read(config.read, picture.grey()) if config.read and letters else ()
        return Seen(numbers | ({"words": sum(len(line.split()) for line in lines)} if config.read else {}), lines)

    return look if config.faces or config.read else None


@functools.cache
def network(path: str) -> Network:
    """Opened once in a process. ValueError for a file that is missing or no network; RuntimeError without onnxruntime."""
    try:
        import onnxruntime
    except ImportError:
        raise RuntimeError(f"{path}: needs onnxruntime. Install it: pip install 'skyloom[detectors]'") from None
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file. Wanted a network in ONNX format.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there is a worker a core already
    options.log_severity_level = 3  # errors
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # of types that onnxruntime makes at run time
        raise ValueError(f"{path}: no network in ONNX format: {_line(error)}") from None
    entry = session.get_inputs()[0]
    if entry.type not in TYPES:
        raise ValueError(f"{path}: its input is a {entry.type}. Wanted one of {', '.join(TYPES)}.")
    return Network(path, session, wants_of(path), entry.name, list(entry.shape), TYPES[entry.type])


def wants_of(path: str) -> Wants:
    """What stands in the JSON file beside a network. ValueError that names the file and what is wrong in it."""
    file, wants = Path(path).with_suffix(".json"), Wants()
    if not file.is_file():
        return wants
    try:
        for key, value in dict(json.loads(file.read_text(encoding="utf-8"))).items():
            wants = override(wants, key, json.dumps(value))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{file}: {error}") from None
    return wants


def nudity(path: str, frames_SHW3: np.ndarray) -> float:
    """uint8 pictures of a shot -> what the classifier gives to its harmful outputs, 0..1, in the worst of them."""
    return max(_harm(network(path), frame) for frame in frames_SHW3)


def _harm(net: Network, frame_HW3: np.ndarray) -> float:
    if len(net.shape) != 4 or 3 not in (net.shape[1], net.shape[3]):
        raise ValueError(f"{net.path}: its input is {net.shape}. Wanted pictures, (1, 3, H, W) or (1, H, W, 3).")
    colours_last = net.shape[3] == 3
    height, width = (side if isinstance(side, int) else SIDE for side in (net.shape[1:3] if colours_last else net.shape[2:]))
    frame = cv2.resize(frame_HW3, (width, height), interpolation=cv2.INTER_AREA)
    wants = net.wants
    values = (frame / 255 - wants.mean) / wants.std
    values = values[..., ::-1] if wants.bgr else values
    out = net.run((values if colours_last else values.transpose(2, 0, 1))[None])
    if wants.logits:
        out = np.append(0.0, out) if out.size == 1 else out  # a single logit is against nothing
        out = np.exp(out - out.max()) / np.exp(out - out.max()).sum()
    if not all(-len(out) <= i < len(out) for i in wants.harmful):
        raise ValueError(f"{net.path}: has {len(out)} outputs, harmful is {list(wants.harmful)}.")
    return float(np.clip(out[list(wants.harmful)].sum(), 0, 1))


class TransNet:
    """Shot ends by TransNetV2 (Souček and Lokoč 2020, arXiv 2008.04838), as pictures go by; a window is held, no film.

    Windows of 100 pictures overlap, the middle 50 of each count; the first and last picture stand in for what lies beyond.
    The network takes (1, 100, 27, 48, 3), 0..255, and gives one number a picture first.
    """

    def __init__(self, path: str):
        self.net = network(path)
        self.window: list[np.ndarray] = []
        self.ends: list[float] = []
        self.count = 0

    def add(self, rgb_HW3: np.ndarray) -> None:
        tiny = cv2.resize(rgb_HW3, TINY, interpolation=cv2.INTER_AREA)
        if not self.count:
            self.window = [tiny] * ((WINDOW - STEP) // 2)
        self.count += 1
        self._push(tiny)

    def result(self) -> np.ndarray:
        """(T,) probabilities. Call it once, after the last picture."""
        while len(self.ends) < self.count:
            self._push(self.window[-1])
        return np.array(self.ends[: self.count])

    def _push(self, tiny: np.ndarray) -> None:
        self.window.append(tiny)
        if len(self.window) < WINDOW:
            return
        out = self.net.run(np.stack(self.window)[None])
        if len(out) != WINDOW:
            raise ValueError(
                f"{self.net.path}: gives {len(out)} numbers for {WINDOW} pictures. Wanted TransNetV2, one a picture."
            )
        margin = (WINDOW - STEP) // 2
        out = out[margin : margin + STEP]
        self.ends += (1 / (1 + np.exp(-out)) if self.net.wants.logits else out).tolist()
        self.window = self.window[STEP:]


def faces(path: str, frame_HW3: np.ndarray) -> dict[str, float]:
    """uint8 picture -> how many faces, and the share of the picture under their boxes. RuntimeError for a file of no use."""
    height, width = frame_HW3.shape[:2]
    try:
        finder = _finder(path)
        finder.setInputSize((width, height))
        boxes = finder.detect(np.ascontiguousarray(frame_HW3[..., ::-1]))[1]
    except cv2.error:
        raise RuntimeError(f"{path}: OpenCV cannot run it. Wanted YuNet in ONNX format.") from None
    under = np.zeros((height, width), np.uint8)
    for x, y, wide, tall in () if boxes is None else boxes[:, :4].round().astype(int).tolist():
        under[max(0, y) : max(0, y + tall), max(0, x) : max(0, x + wide)] = 1
    return {"faces": 0 if boxes is None else len(boxes), "face_area": float(under.mean())}


@functools.cache
def _finder(path: str) -> Any:
    """OpenCV's face detector, opened once in a process."""
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file. Wanted YuNet in ONNX format.")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns of its own default target
    try:
        return cv2.FaceDetectorYN.create(path, "", (320, 320), FACE_SURE)
    finally:
        cv2.utils.logging.setLogLevel(before)


def read(languages: str, grey_HW: np.ndarray) -> tuple[str, ...]:
    """uint8 picture -> lines of the words that tesseract is sure of; single characters are left out.

    RuntimeError where the program or the language is not installed.
    """
    program = shutil.which("tesseract")
    if program is None:
        raise RuntimeError(f"detect.read={languages} needs the program tesseract. Install it: apt install tesseract-ocr")
    scale = READ_SIDE / max(grey_HW.shape)
    image = cv2.resize(grey_HW, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    done = subprocess.run(
        [program, "stdin", "stdout", "-l", languages, "--psm", "11", "tsv"],  # 11: text anywhere, in no order
        input=cv2.imencode(".png", image)[1].tobytes(),
        capture_output=True,
        timeout=READ_SECONDS,
        env={**os.environ, "OMP_THREAD_LIMIT": "1"},  # there is a worker a core already
    )
    if done.returncode:
        told = _line(done.stderr.decode(errors="replace"))
        raise RuntimeError(f"detect.read={languages}: {told} Wanted one of tesseract --list-langs.")
    rows = (row.split("\t") for row in done.stdout.decode(errors="replace").splitlines()[1:])
    words = ((row[1:5], row[11]) for row in rows if row[0] == "5" and float(row[10]) >= READ_SURE)  # 5: a word
    sure = ((place, word) for place, word in words if sum(map(str.isalnum, word)) > 1)
    return tuple(" ".join(word for _, word in line) for _, line in itertools.groupby(sure, key=lambda pair: pair[0]))


def text_of(lines: list[str]) -> str:
    """Lines of several pictures -> one text: each once, without those of which another holds all."""
    whole = (line for line in dict.fromkeys(lines) if not any(_part(line, other) for other in lines))
    return "\n".join(whole)


def _part(line: str, other: str) -> bool:
    return len(line) < len(other) and line.lower() in other.lower()


def _line(error: object) -> str:
    return " ".join(str(error).split())[:300]
