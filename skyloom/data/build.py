"""The stages in order: files -> films -> shots -> copies -> captions -> shards -> report. Each takes up where it stopped.

One decode of a file serves cuts and scores. What it found ("film", by the hash of the file) depends on no bound, so that
`judge` can follow changed bounds at once.
"""

import functools
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..base import footage
from . import dedup, detectors, ingest, score, shots, workers
from .catalog import Catalog, mark_of
from .measure import Measured, Meter
from .settings import DataConfig, DetectConfig, ShotConfig

VERSION = 6
PICTURES = 4  # kept of each shot, for copies, adapters and the report
Note = Callable[[str], object]


def build(catalog: Catalog, folder: Path, config: DataConfig, *, processes: int = 1, note: Note = print) -> dict[str, int]:
    """Files to judged shots. Returns the counts of `funnel`."""
    note(f"files: {ingest.ingest(catalog, folder, config.ingest, processes=processes)} read")
    note(f"films: {measure(catalog, config, processes=processes)} measured")
    judge(catalog, config)
    counts = funnel(catalog)
    note(f"shots: {counts['shots kept']} of {counts['shots']} kept")
    return counts


def measure(catalog: Catalog, config: DataConfig, *, processes: int = 1) -> int:
    """Decodes every good file that has not been measured with these settings; returns how many."""
    score.adapters(config.score.adapters)
    folder, mark = source_folder(catalog), film_mark(config)
    todo = [row for _, row in catalog.rows("file") if not row["dropped"] and catalog.get("film", row["hash"], mark) is None]
    if todo:
        detectors.try_out(config.detect, config.shots.transnet)
    settings = config.shots, config.score.adapters, config.detect
    jobs = ((row["hash"], (folder / row["path"], folder, row["interlaced"], *settings)) for row in todo)
    names = {row["hash"]: row for row in todo}
    for digest, film in workers.each(
        analyse, jobs, processes=processes, seconds=_time_for(names, config), memory_mb=config.ingest.memory_mb
    ):
        with catalog.together():
            if isinstance(film, workers.Failure):
                catalog.put("film", digest, mark, {"shots": [], "joins": [], "frames": 0, "broken": film.reason})
                continue
            film["broken"] = film["broken"] or _missing_end(names[digest])
            pictures = film.pop("pictures")
            for shot, jpegs in zip(film["shots"], pictures, strict=True):
                catalog.put_pictures(shot_key(digest, shot), jpegs)
            catalog.put("film", digest, mark, film)
    return len(todo)


def analyse(
    path: Path,
    folder: Path,
    interlaced: bool,
    config: ShotConfig,
    adapters: tuple[str, ...],
    detect: DetectConfig = DetectConfig(),  # noqa: B008  frozen
) -> dict[str, Any]:
    """Runs in a worker: one decode -> shots with their numbers and pictures. ValueError where not one picture comes."""
    ingest.check_place(path, folder)
    network = detectors.TransNet(config.transnet) if config.transnet else None
    meter, broken = Meter(config.cut_ratio, config.cut_change, detectors.looking(detect), network), ""
    try:
        for picture in footage.pictures(path, interlaced=interlaced):
            meter.add(picture)
    except ValueError as error:
        broken = str(error)
    if not meter.times and broken:
        raise ValueError(broken)
    film = meter.result()
    spans, joins = shots.spans(film, config)
    found = [_shot(film, span, score.adapters(adapters), detect) for span in spans]
    return {
        "shots": [row for row, _ in found],
        "pictures": [jpegs for _, jpegs in found],
        "joins": [[join.kind, join.start, join.end] for join in joins],
        "frames": len(film.times_T),
        "corrupt": round(film.corrupt / len(film.times_T), 5),
        "broken": broken,
    }


def judge(catalog: Catalog, config: DataConfig) -> None:
    """Stage "shot": every shot of every good file with its reasons, the copies among the rest included."""
    rows = dict(_judged(catalog, config))
    good = (
        dedup.Candidate(key, row["film"], _rank(row), functools.partial(catalog.pictures, key))
        for key, row in rows.items()
        if not row["dropped"]
    )
    for key, copy in dedup.copies(good, config.dedup).items():
        rows[key]["dropped"] = [f"copy: {copy.match:.3f} > {config.dedup.least_match:g}, of {copy.of}"]
        rows[key]["copy_of"] = copy.of
    with catalog.together():
        for key in [key for key, _ in catalog.rows("shot") if key not in rows]:
            catalog.remove("shot", key)
        for key, row in rows.items():
            catalog.put("shot", key, "", row)


def kept(catalog: Catalog) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(key, shot, file) of every kept shot whose film is still there and may be used, by whatever name it goes now."""
    files = {row["hash"]: (name, row) for name, row in catalog.rows("file") if not row["dropped"]}
    for key, row in catalog.rows("shot"):
        if not row["dropped"] and row["film"] in files:
            name, file = files[row["film"]]
            yield key, {**row, "file": name}, file


def funnel(catalog: Catalog) -> dict[str, int]:
    """How many there are at each step of the way."""
    files, all_shots = [row for _, row in catalog.rows("file")], [row for _, row in catalog.rows("shot")]
    stay = [row for row in all_shots if not row["dropped"]]
    return {
        "files": len(files), "files good": sum(not row["dropped"] for row in files), "shots": len(all_shots),
        "shots kept": len(stay), "captions": catalog.count("caption"), "shards": catalog.count("shard"),
    }  # fmt: skip


def source_folder(catalog: Catalog) -> Path:
    """Where the footage lies. ValueError where none was taken in, or the folder is gone."""
    row = catalog.get("meta", "folder")
    if row is None:
        raise ValueError(f"{catalog.folder}: holds no footage yet. Run skyloom data ingest FOLDER -o {catalog.folder} first.")
    folder = Path(row["path"])
    if not folder.is_dir():
        raise ValueError(f"{folder}: the footage is gone. Bring it back, or ingest it from its new place.")
    return folder


def film_mark(config: DataConfig) -> str:
    return mark_of(VERSION, config.shots, config.score.adapters, config.detect)


def shot_key(digest: str, shot: dict[str, Any]) -> str:
    return f"{digest[:20]}-{shot['start']:07d}-{shot['end']:07d}"


def _judged(catalog: Catalog, config: DataConfig) -> Iterator[tuple[str, dict[str, Any]]]:
    mark = film_mark(config)
    for name, file in catalog.rows("file"):
        film = None if file["dropped"] else catalog.get("film", file["hash"], mark)
        if film is None:
            continue
        for shot in film["shots"]:
            why = [shot["short"]] if shot["short"] else score.reasons(shot, {**file, "corrupt": film["corrupt"]}, config.score)
            row = {key: value for key, value in shot.items() if key != "short"}
            yield shot_key(file["hash"], shot), {**row, "file": name, "film": file["hash"], "dropped": why}


def _rank(row: dict[str, Any]) -> tuple[float, ...]:
    """Of copies, the one that was stored best stays: most pixels, then least damage, then longest."""
    scores = row["scores"]
    return row["height"] * row["width"], -scores["quantiser"], -scores["blocks"], row["end"] - row["start"]


def _shot(
    film: Measured, span: shots.Span, adapters: list[score.Adapter], detect: DetectConfig
) -> tuple[dict[str, Any], list[bytes]]:
    jpegs = _pictures(film, span)
    step = float(np.median(np.diff(film.times_T))) if len(film.times_T) > 1 else 0.0
    row: dict[str, Any] = {
        "start": span.start, "end": span.end, "height": film.height, "width": film.width, "short": span.dropped,
        "from": round(float(film.times_T[span.start]), 4), "to": round(float(film.times_T[span.end - 1]) + step, 4),
        "scores": score.numbers(film, span.start, span.end),
    }  # fmt: skip
    if detect.read:
        row["text"] = detectors.text_of([line for i in film.samples_in(span.start, span.end) for line in film.seen[i].lines])
    if not adapters and not detect.nsfw:
        return row, jpegs
    frames = np.stack([np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs])
    if detect.nsfw:
        row["scores"]["nsfw"] = round(detectors.nudity(detect.nsfw, frames), 5)
    if adapters:
        row["adapters"] = {name: round(float(value), 4) for adapter in adapters for name, value in adapter(frames).items()}
    return row, jpegs


def _pictures(film: Measured, span: shots.Span) -> list[bytes]:
    """Up to PICTURES of the shot's samples, evenly."""
    inside = film.samples_in(span.start, span.end)
    picked = inside[np.unique(np.linspace(0, len(inside) - 1, min(PICTURES, len(inside))).round().astype(int))]
    return [film.jpegs[i] for i in picked]


def _missing_end(file: dict[str, Any]) -> str:
    """A file cut short may end without an error: then its header promises more than it holds."""
    missing = file["promised"] - file["seconds"]
    holds = f"ends early: holds {file['seconds']:.2f} s of {file['promised']:.2f}"
    return holds if missing > max(0.5, 0.05 * file["promised"]) else ""


def _time_for(rows: dict[str, dict[str, Any]], config: DataConfig) -> dict[str, float]:
    """Seconds that each of the films may take: so much a picture on a busy machine is slow but alive."""
    alone = config.detect == DetectConfig() and not config.shots.transnet
    each = 0.1 if alone else 0.3
    return {digest: config.ingest.seconds_to_read + each * row["frames"] for digest, row in rows.items()}
