"""What a row works on: clips of the world whose record is known, written as an mp4 like anyone's, and films that are kept.

Dimension key: T frames, H W pixels; frames_THWC uint8. Differences between frames are mean absolute, in levels.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...base.sizes import size_text
from ...base.video import read_video, write_video
from ...generate import Request, generate
from ...worlds.scene import Scene
from ...worlds.storybook import render
from ..clips import FPS, Bench, prompt_of, scenes, shrunk, through_tokenizer

LENGTH = 25  # frames of a given clip
ADDED = 16  # frames of an extension, a bridge, a loop
LOOKED_THROUGH = 40  # scenes among which each case seeks one that suits it

Values = dict[str, float | list[float]]


@dataclass(frozen=True)
class Outcome:
    """What one case showed: measure -> value, or a list of 1 and 0 for claims that it makes several times."""

    measures: Values
    real: Values = field(default_factory=dict)  # the same, read from real clips
    shown: tuple[np.ndarray, ...] = ()  # frames_THWC for the contact sheet: what was given, what was made


@dataclass(frozen=True)
class Given:
    """A clip that a control gets, and what the world shows beyond it."""

    scene: Scene
    path: str
    frames: np.ndarray  # as read back from the file, at its own size
    drawn: np.ndarray  # what the tokenizer makes of them, as the judges see it
    truth: np.ndarray  # the real clip of which this is a part, as the judges see it


def scene_of(bench: Bench, i: int, frames: int = 0) -> Scene:
    """Scene number `i`: one actor, laid out for `frames` frames (none said: a clip and what is added to it)."""
    [scene] = scenes("val", frames or LENGTH + ADDED, 1, bench.seed, i, max_actors=1)
    return scene


def suiting(bench: Bench, i: int, suits: Callable[[Scene], Scene | None]) -> Scene:
    """What `suits` makes of the first of LOOKED_THROUGH scenes, others for each case, that it does not refuse by None.

    LookupError where it refuses them all.
    """
    candidates: Iterator[Scene] = (scene_of(bench, i * LOOKED_THROUGH + k) for k in range(LOOKED_THROUGH))
    chosen = next((made for scene in candidates if (made := suits(scene)) is not None), None)
    if chosen is None:
        raise LookupError(f"case {i}: none of {LOOKED_THROUGH} scenes suits it. Try another --seed.")
    return chosen


def given(bench: Bench, i: int, *, skip: int = 0, scene: Scene | None = None, more: int | None = None) -> Given:
    """The clip of a scene (none said: number `i`) on disk: LENGTH frames after the first `skip`, of LENGTH + `more` [ADDED]."""
    scene = scene or scene_of(bench, i)
    truth = drawn_scene(scene, bench.size, LENGTH + (ADDED if more is None else more))
    key = digest(scene.to_json(), LENGTH, skip, size_text(*bench.size))
    path = bench.out / "given" / f"{key}.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(path, truth[skip : skip + LENGTH], FPS, metadata={"prompt": prompt_of(scene)})
    frames = read_video(path)[0]
    drawn = bench.kept(f"drawn-{key}", lambda: through_tokenizer(bench.bundle, frames))
    return Given(scene, str(path), frames, drawn, shrunk(truth))


def drawn_scene(scene: Scene, size: tuple[int, int], frames: int) -> np.ndarray:
    return render(scene, *size, frames, FPS)  # type: ignore[return-value]


def film(bench: Bench, name: str, i: int, **controls: Any) -> np.ndarray:
    """The film of a request, at the size of the bench unless told otherwise; kept under all that it depends on."""
    plain = {"seconds": ADDED / FPS, "size": size_text(*bench.size), "seed": bench.seed + i}
    request = Request(**{**plain, **controls})
    kept_as = f"control-{name.replace(' ', '-')}-{i}-{key_of(request)}"
    return bench.kept(kept_as, lambda: generate(request, bench.bundle).frames)


def key_of(request: Request) -> str:
    """Of all fields of a request, files by what is in them."""

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(item) for key, item in value.items() if key != "model"}
        if isinstance(value, (list, tuple)):
            return [told(item) for item in value]
        named = isinstance(value, str) and 0 < len(value) < 1000 and Path(value).is_file()
        return hashlib.sha256(Path(value).read_bytes()).hexdigest() if named else value

    return digest(json.dumps(told(dataclasses.asdict(request.resolved())), sort_keys=True))


def digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]
