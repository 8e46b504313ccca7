"""Words for shots: from beside the file, from a probe that reads its own world back, or from a vision model behind an API.

A row of stage "caption" is one source's words for one shot, under SHOT:SOURCE: a list of {style, language, text}. Sources never
overwrite each other; `pick` mixes them for training, 95 of 100 times synthetic and dense (Betker et al. 2023, DALL-E 3).
"""

import base64
import contextlib
import json
import re
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np

from ..worlds.captions import LANGUAGES, STYLES
from ..worlds.captions import caption as words_for
from ..worlds.scene import Actor, Scene
from . import workers
from .build import Note, kept, source_folder
from .catalog import Catalog, mark_of
from .cut import Cut, clips, fitted_frames, fitted_size, stills
from .endpoint import Endpoint, Refused
from .ingest import whole_text
from .settings import CaptionConfig, DataConfig

VERSION = 2
SYNTHETIC = 0.95  # share of training captions that are a machine's dense ones, where there are others too
PROMPT = (
    "These are frames of one video shot, in order. Describe only what can be seen. Answer with a JSON object of two strings: "
    '"short", one sentence of at most 20 words; "dense", 60 to 120 words on subjects, their look, actions in order, place, '
    "light, camera. No guesses, no opinions, no mention of frames or of a video."
)
SURE = 0.8  # probability from which on the probe's word is taken
TOGETHER = {"chase", "meet", "circle"}
KeptShot = tuple[str, dict[str, Any], dict[str, Any]]  # as build.kept gives them
TOKENS_OF_PICTURE, TOKENS_OUT = 400, 220  # for the estimate: of a picture of 512 pixels
ASKED = 2  # times that a shot is asked about whose answer is of no use


class Unusable(Refused):
    """An answer without captions; asked again the endpoint may give some."""


def caption(catalog: Catalog, config: DataConfig, *, processes: int = 1, note: Note = print) -> dict[str, int]:
    """Words for every kept shot from every source that is set; a rerun asks for what is missing. Returns how many came."""
    shots = list(kept(catalog))
    wrote = {"sidecar": _sidecars(catalog, shots)}
    if config.caption.probe:
        wrote["probe"] = _read_back(catalog, shots, config, processes, note)
    if config.caption.endpoint:
        wrote["endpoint"] = _ask(catalog, shots, config, processes, note)
    for source, count in wrote.items():
        note(f"captions: {count} from the {source}")
    return wrote


def captions_of(catalog: Catalog, key: str) -> list[dict[str, str]]:
    """All captions of a shot: {source, style, language, text}."""
    return [
        {"source": source, **words}
        for source in ("sidecar", "probe", "endpoint")
        for words in (catalog.get("caption", f"{key}:{source}") or {"captions": []})["captions"]
    ]


def pick(captions: list[dict[str, str]], rng: np.random.Generator, synthetic: float = SYNTHETIC) -> str:
    """One caption for a training step: for a share of `synthetic` a machine's dense one, else people's words or short ones.

    Where one kind is missing the other serves; "" of none.
    """
    machine = [c for c in captions if c["source"] != "sidecar"]
    long = [c for c in machine if c["style"] == "dense"] or [c for c in captions if c["style"] == "dense"] or machine
    short = [c for c in captions if c not in long]
    pool = long if long and (not short or rng.random() < synthetic) else short
    return pool[int(rng.integers(len(pool)))]["text"] if pool else ""


def estimate(shots: int, config: CaptionConfig) -> tuple[int, float]:
    """Tokens and dollars that the endpoint would take for so many shots."""
    picture = TOKENS_OF_PICTURE * (config.long_side / 512) ** 2
    into = shots * (round(config.pictures * picture) + len(PROMPT) // 4)
    out = shots * TOKENS_OUT
    return into + out, into / 1e6 * config.price_in + out / 1e6 * config.price_out


def _sidecars(catalog: Catalog, shots: list[KeptShot]) -> int:
    count = 0
    with catalog.together():
        for key, _, file in shots:
            text = str(file.get("caption", "")).strip()
            if text:
                style = "dense" if len(text) > 160 else "sentence"
                words = {"style": style, "language": _language(text), "text": text}
                catalog.put("caption", f"{key}:sidecar", mark_of(text), {"captions": [words]})
                count += 1
            else:
                catalog.remove("caption", f"{key}:sidecar")
    return count


def _read_back(catalog: Catalog, shots: list[KeptShot], config: DataConfig, processes: int, note: Note) -> int:
    mark, count = mark_of(VERSION, config.caption.probe, probe_hash(config.caption.probe)), 0
    missing = [shot for shot in shots if catalog.get("caption", f"{shot[0]}:probe", mark) is None]
    for films in _films(catalog, missing):
        jobs = [(name, (path, cuts, interlaced, config.caption.probe)) for name, path, cuts, interlaced in films]
        for name, found in workers.each(
            read_film, jobs, processes=processes, seconds=3600, memory_mb=config.ingest.memory_mb + 2048
        ):
            if isinstance(found, workers.Failure):  # of this film alone: the others go on
                note(f"probe: {name}: {found.reason}")
                continue
            with catalog.together():
                for key, captions in found.items():
                    catalog.put("caption", f"{key}:probe", mark, {"captions": captions})
                    count += 1
    return count


def read_film(path: Path, cuts: list[Cut], interlaced: bool, probe: str) -> dict[str, list[dict[str, str]]]:
    """Runs in a worker: what the probe sees in each shot, in words of both languages and every style."""
    from ..models.probe import load_probe

    reader = load_probe(probe)
    return {cut.key: read_captions(reader, frames, cut.fps) for cut, frames in clips(path, cuts, interlaced=interlaced)}


def read_captions(probe: Any, frames_THWC: np.ndarray, fps: float) -> list[dict[str, str]]:
    """Frames -> the Scene that the probe reads -> captions that say what it is sure of."""
    scene = scene_of(probe.read(frames_THWC, fps), len(frames_THWC) / fps)
    return [
        {"style": style, "language": language, "text": words_for(scene, language, style, still=len(frames_THWC) == 1)}
        for language in LANGUAGES
        for style in STYLES
    ]


def scene_of(reading: Any, seconds: float, sure: float = SURE) -> Scene:
    """A Reading as a record that leaves open what the probe is less than `sure` of, but for place, light and weather."""
    seen = [a for i, a in enumerate(reading.actors) if i == 0 or a.sure.get("noun", 1.0) >= sure]
    actors = tuple(_actor(i, a, len(seen), sure) for i, a in enumerate(seen))
    camera = reading.camera if reading.sure.get("camera", 1.0) >= sure else ""
    return Scene(actors, reading.place, reading.light, reading.weather, camera, seconds=seconds)


def _actor(index: int, seen: Any, company: int, sure: float) -> Actor:
    """An actor alone in the picture cannot do to a partner what takes two."""
    actions = tuple(
        action for action, head in zip(seen.actions, ("action", "second"), strict=False) if seen.sure.get(head, 1.0) >= sure
    )
    actions = actions if actions[:1] == seen.actions[:1] and (company > 1 or not TOGETHER & set(actions)) else ()
    return Actor(
        noun=seen.noun, actions=actions, count=seen.count, colour=seen.colour if seen.sure.get("colour", 1.0) >= sure else "",
        heading=seen.heading if seen.sure.get("heading", 1.0) >= sure else 0,
        partner=(1 if index == 0 else 0) if TOGETHER & set(actions) else -1,
    )  # fmt: skip


def probe_hash(probe: str) -> str:
    """Which weights they are. FileNotFoundError where there is no probe."""
    from ..models.shipped import SHIPPED

    for folder in (Path(probe), Path(probe) / "export", SHIPPED / probe):
        if (folder / "probe.json").is_file():
            return mark_of((folder / "probe.safetensors").stat().st_size, (folder / "probe.json").read_text(encoding="utf-8"))
    raise FileNotFoundError(f"no probe at {probe}: wanted probe.json and probe.safetensors there. Try `skyloom train probe`.")


def _films(catalog: Catalog, shots: list[KeptShot], batch: int = 64) -> Iterator[list[tuple[str, Path, list[Cut], bool]]]:
    """The films of these shots, each with its cuts, a few films at a time."""
    folder = source_folder(catalog)
    films: dict[str, tuple[dict[str, Any], list[Cut]]] = {}
    for key, row, file in shots:
        films.setdefault(row["file"], (file, []))[1].append(_cut(key, row))
    names = sorted(films)
    for begin in range(0, len(names), batch):
        some = [(name, *films[name]) for name in names[begin : begin + batch]]
        yield [(name, folder / file["path"], cuts, file["interlaced"]) for name, file, cuts in some]


def _cut(key: str, row: dict[str, Any], fps: float = 12.0, most: int = 49) -> Cut:
    seconds = row["to"] - row["from"]
    height, width = fitted_size(row["height"], row["width"], 256 * 448, 16)
    frames = fitted_frames(seconds, fps, most) if row["end"] - row["start"] > 1 else 1
    return Cut(key, row["start"], row["end"], row["from"], frames, height, width, fps)


def _ask(catalog: Catalog, shots: list[KeptShot], config: DataConfig, processes: int, note: Note) -> int:
    """A few questions wait for their answers at a time, while workers take pictures out of the next film."""
    settings = config.caption
    prompts = {key: prompt_for(row.get("text", "")) for key, row, _ in shots}
    asked = VERSION, settings.endpoint, settings.model, settings.pictures, settings.long_side
    marks = {key: mark_of(*asked, prompt) for key, prompt in prompts.items()}
    todo = [shot for shot in shots if catalog.get("caption", f"{shot[0]}:endpoint", marks[shot[0]]) is None]
    tokens, dollars = estimate(len(todo), settings)
    note(f"endpoint: {len(todo)} shots, about {tokens} tokens, ${dollars:.2f}, {len(todo) / settings.per_minute:.1f} minutes")
    if settings.most_cost and dollars > settings.most_cost:
        raise ValueError(f"captions would cost about ${dollars:.2f}, more than caption.most_cost={settings.most_cost:g}.")
    server, waiting = Endpoint(settings), dict[Future[list[dict[str, str]]], str]()

    def settle(most: int) -> int:
        """Keeps answers until at most so many questions wait; returns how many came."""
        count, trouble = 0, None
        while len(waiting) > most and not trouble:
            for done in wait(waiting, return_when=FIRST_COMPLETED).done:
                key = waiting.pop(done)
                try:
                    words = {"captions": done.result(), "model": settings.model}
                except Refused as error:  # of this shot alone: the others go on
                    note(f"endpoint: {key}: {error}")
                except ConnectionError as error:
                    trouble = error
                else:
                    catalog.put("caption", f"{key}:endpoint", marks[key], words)
                    count += 1
        if trouble:
            raise trouble
        return count

    with ThreadPoolExecutor(max(1, settings.at_once)) as pool:
        try:
            count = 0
            for key, jpegs in _looks(catalog, todo, config, processes, note):
                waiting[pool.submit(_answer, server, prompts[key], [_data_url(jpeg) for jpeg in jpegs])] = key
                count += settle(2 * settings.at_once)
            return count + settle(0)
        except BaseException:
            for future in [future for future in waiting if future.cancel()]:
                del waiting[future]
            while waiting:  # asked already, and paid for
                with contextlib.suppress(ConnectionError):
                    settle(0)
            raise


def _looks(
    catalog: Catalog, shots: list[KeptShot], config: DataConfig, processes: int, note: Note
) -> Iterator[tuple[str, list[bytes]]]:
    """Every shot with the pictures that the endpoint sees of it."""
    seen = config.caption.pictures, config.caption.long_side
    for films in _films(catalog, shots):
        jobs = [(name, (path, cuts, interlaced, *seen)) for name, path, cuts, interlaced in films]
        for name, found in workers.each(stills, jobs, processes=processes, seconds=3600, memory_mb=config.ingest.memory_mb):
            if isinstance(found, workers.Failure):
                note(f"endpoint: {name}: {found.reason}")
            else:
                yield from ((key, jpegs) for key, jpegs in found.items() if jpegs)


def _answer(server: Endpoint, prompt: str, urls: list[str]) -> list[dict[str, str]]:
    """Runs in a thread: the captions of a shot. Refused where time after time no answer holds them."""
    for _ in range(ASKED - 1):
        try:
            return parsed(server.ask(prompt, urls))
        except Unusable:
            continue
    return parsed(server.ask(prompt, urls))


def prompt_for(text: str) -> str:
    """What the endpoint is asked about a shot in which `text` was read, "" for none."""
    told = f" A reader found these letters in them, perhaps with mistakes: {json.dumps(text, ensure_ascii=False)}"
    return PROMPT + told * bool(text)


def parsed(answer: str) -> list[dict[str, str]]:
    """The first JSON object of the answer that has words, whatever stands around it, as captions.

    Unusable where there is none: half an object, a refusal in prose or thinking aloud are no captions.
    """
    text = answer.rpartition("</think>")[2].partition("<think>")[0]
    for begin in (match.start() for match in re.finditer("{", text)):
        try:
            record, _ = json.JSONDecoder().raw_decode(text, begin)
        except (ValueError, RecursionError):
            continue
        said = ((style, record.get(name)) for name, style in (("short", "sentence"), ("dense", "dense")))
        words = [(style, whole_text(text.strip())) for style, text in said if isinstance(text, str) and text.strip()]
        if words:
            return [{"style": style, "language": _language(text), "text": text} for style, text in words]
    raise Unusable(f"no JSON object with short or dense in the answer: {' '.join(answer.split())[:80]!r}")


def _data_url(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def _language(text: str) -> str:
    return "zh" if sum("一" <= c <= "鿿" for c in text) > len(text) / 4 else "en"
