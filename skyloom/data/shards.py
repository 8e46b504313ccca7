"""Kept shots -> latents and words in tar shards of the WebDataset layout, with a Parquet index beside them.

DATASET/shards/SPLIT-NNNNN-MARK.tar holds KEY.z.npy (latents, int8, C T H W, as data/encode makes them) and KEY.json (captions,
size, rate, licence, source) for each clip; DATASET/index.parquet a row a clip, with the place of its bytes. Clips keep
their own shape and length. Dimension key as in models/vae.

MARK names all that a shard was made from, so a shard never changes: a rerun makes those that are missing, writes the index,
then removes what the index no longer names. Latents made once are taken over from old shards. The held-out split is drawn by
source, so that no clip has a sister on the other side; a sidecar may name the split itself.
"""

import dataclasses
import functools
import hashlib
import io
import json
import os
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..base.files import write_atomic
from . import storage, workers
from .build import Note, kept, source_folder
from .caption import captions_of
from .catalog import Catalog, mark_of
from .cut import Cut, clips, fitted_frames, fitted_size
from .settings import DataConfig, EncodeConfig

if TYPE_CHECKING:
    from .project import Projection

VERSION = 2
BLOCK = 32  # pixels: a token is two latent cells of 16 wide
SPLITS = ("train", "heldout")
TRANSFORM = ("basis", "centre", "gain_C", "scale")  # of models/vae, what latents depend on


@dataclass(frozen=True)
class Clip:
    """One shot on its way into a shard."""

    cut: Cut
    file: str
    split: str
    mark: str  # of its latents
    record: dict[str, Any]  # KEY.json
    said: bool = False  # whether a sidecar named the split


@dataclass(frozen=True)
class Shard:
    name: str
    clips: tuple[Clip, ...]


def encode(catalog: Catalog, model: Path, config: DataConfig, *, processes: int = 1, note: Note = print) -> int:
    """Brings shards and index up to date with the kept shots and their words; returns how many shards were written.

    `model`: a folder with config.json and vae.safetensors. A shot that was measured and cannot be read any more is dropped with
    the reason, until shots are judged again.
    """
    folder = catalog.folder / "shards"
    folder.mkdir(exist_ok=True)
    for left in folder.glob(".*.part"):
        left.unlink()
    vae, count = _tokenizer(model), 0
    old = {row["key"]: row for row in index_rows(catalog.folder)}
    while True:
        wanted, written = planned(catalog, vae, config.encode), []
        failed: dict[str, str] = {}
        missing = [shard for shard in wanted if catalog.get("shard", shard.name) is None or not (folder / shard.name).is_file()]
        for shard, latents in _latents(catalog, missing, old, model, config, processes, failed):
            _write_shard(catalog, shard, latents, old)
            written.append(shard)
            note(f"shard {shard.name}: {len(shard.clips)} clips")
        count += len(written)
        if not failed:
            break
        _drop(catalog, failed, note)  # then the shards hold other clips
        old |= {row["key"]: row for row in _rows(catalog, written)}
    _write_index(catalog, wanted, vae)
    names = {shard.name for shard in wanted}
    for name in [name for name, _ in catalog.rows("shard") if name not in names]:
        catalog.remove("shard", name)
    for path in folder.glob("*.tar"):
        if path.name not in names:
            path.unlink()
    return count


def _drop(catalog: Catalog, failed: dict[str, str], note: Note) -> None:
    """Shots that cannot be encoded, with the reason: the others go on without them."""
    with catalog.together():
        for key, reason in failed.items():
            catalog.put("shot", key, "", {**(catalog.get("shot", key) or {}), "dropped": [f"cannot be encoded: {reason}"]})
    for reason, some in Counter(failed.values()).items():
        note(f"cannot be encoded: {some} shots ({reason})")


def planned(catalog: Catalog, vae: str, config: EncodeConfig) -> list[Shard]:
    """Which clips lie in which shard: a pure function of the kept shots, their words, the tokenizer and the settings."""
    clips = [_clip(catalog, key, row, file, vae, config) for key, row, file in kept(catalog)]
    found = _held_out(clips, config)
    shards = []
    for split in SPLITS:
        members = [clip for clip in found if clip.split == split]
        for number, begin in enumerate(range(0, len(members), config.clips)):
            some = tuple(members[begin : begin + config.clips])
            mark = mark_of(VERSION, [(clip.cut.key, clip.mark, json.dumps(clip.record, sort_keys=True)) for clip in some])
            shards.append(Shard(f"{split}-{number:05d}-{mark[:10]}.tar", some))
    return shards


def _held_out(clips: list[Clip], config: EncodeConfig) -> list[Clip]:
    """The clips, with the source of the least place held out where by chance none is and there are others to train on.

    Of films that come in later one may take its part; none that was trained on before is held out for them.
    """
    drawn = {str(clip.record["source"]) for clip in clips if not clip.said}
    sources = {str(clip.record["source"]) for clip in clips}
    if not drawn or not config.held_out or len(sources) < 2 or any(clip.split == "heldout" for clip in clips):
        return clips
    least = min(drawn, key=lambda source: place_of(source, config))
    chosen = lambda clip: clip.record["source"] == least and not clip.said  # noqa: E731
    return [dataclasses.replace(clip, split="heldout") if chosen(clip) else clip for clip in clips]


def place_of(source: str, config: EncodeConfig) -> float:
    """0..1, by the name of the source alone; those below `held_out` are held out, and stay so whatever else comes in."""
    return int(hashlib.sha256(f"{config.seed}|{source}".encode()).hexdigest()[:8], 16) / 16**8


def index_rows(folder: Path) -> list[dict[str, Any]]:
    """The index as a list of rows; empty where none was written."""
    path = folder / "index.parquet"
    return pq.read_table(path).to_pylist() if path.is_file() else []


def index_tokenizer(folder: Path) -> str:
    """Whose latents they are: the `vae_hash` that the shards were encoded with. FileNotFoundError where there are none."""
    path = folder / "index.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: nothing is encoded there. Run skyloom data encode -o {folder}.")
    return (pq.read_schema(path).metadata or {}).get(b"tokenizer", b"").decode()


def read_clip(folder: Path, row: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """A row of the index -> its latents, int8 (C, T, H, W), and its record, read from their places in the shard."""
    record = _bytes(folder, row, "record_offset", "record_bytes")
    return np.load(io.BytesIO(_bytes(folder, row))), json.loads(record)


def _place(folder: Path, shard: str) -> Path:
    return storage.local(folder, f"shards/{shard}")


def _bytes(folder: Path, row: dict[str, Any], offset: str = "offset", size: str = "bytes") -> bytes:
    with _place(folder, row["shard"]).open("rb") as file:
        file.seek(row[offset])
        return file.read(row[size])


def check(catalog: Catalog) -> list[str]:
    """What is wrong with the shards: missing ones, and those whose bytes are not those that were written."""
    wrong = []
    for name, row in catalog.rows("shard"):
        path = _place(catalog.folder, name)
        if not path.is_file():
            wrong.append(f"{name}: is missing")
        elif _hash(path) != row["sha256"]:
            wrong.append(f"{name}: its bytes have changed")
    return wrong


def encode_film(path: Path, cuts: list[Cut], interlaced: bool, model: Path) -> dict[str, np.ndarray]:
    """Runs in a worker: the latents of each cut of one film."""
    from .project import latents

    projection = _load_projection(model)
    return {cut.key: latents(projection, frames) for cut, frames in clips(path, cuts, interlaced=interlaced)}


def vae_hash(model: Path) -> str:
    """Which latents a tokenizer makes: of its transform alone, since its decoder may learn on. FileNotFoundError of none."""
    weights = model / "vae.safetensors"
    if not weights.is_file() or not (model / "config.json").is_file():
        raise FileNotFoundError(f"{model}: no tokenizer there, wanted config.json and vae.safetensors.")
    from ..base.checkpoint import read_weights

    tensors, _ = read_weights(weights)
    digest = hashlib.sha256()
    for name in TRANSFORM:
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return digest.hexdigest()


def _tokenizer(model: Path) -> str:
    """`vae_hash`, by a worker where this process has got along without torch, which takes a second to begin."""
    if "torch" in sys.modules or not (model / "vae.safetensors").is_file():
        return vae_hash(model)
    [(_, found)] = workers.local(vae_hash, [(model.name, (model,))], processes=1, seconds=600, memory_mb=4096)
    if isinstance(found, workers.Failure):
        raise ValueError(found.reason)
    return str(found)


def _clip(catalog: Catalog, key: str, row: dict[str, Any], file: dict[str, Any], vae: str, config: EncodeConfig) -> Clip:
    seconds, still = row["to"] - row["from"], row["end"] - row["start"] == 1
    height, width = fitted_size(row["height"], row["width"], config.most_pixels, BLOCK)
    frames = 1 if still else fitted_frames(seconds, config.fps, config.most_frames)
    cut = Cut(key, row["start"], row["end"], row["from"], frames, height, width, config.fps)
    source = str(file.get("source") or row["film"])
    record = {
        "key": key, "frames": frames, "height": height, "width": width, "fps": config.fps, "source": source,
        "licence": str(file.get("licence", "")), "captions": captions_of(catalog, key),
    }  # fmt: skip
    said = str(file.get("split", "")).lower()
    drawn = "heldout" if place_of(source, config) < config.held_out else "train"
    return Clip(cut, row["file"], said if said in SPLITS else drawn, mark_of(VERSION, cut, vae), record, said in SPLITS)


def _write_shard(catalog: Catalog, shard: Shard, latents: dict[str, bytes], old: dict[str, dict[str, Any]]) -> None:
    folder = catalog.folder / "shards"
    path, beside = folder / shard.name, folder / f".{shard.name}.part"
    with tarfile.open(beside, "w", format=tarfile.USTAR_FORMAT) as tar:
        for clip in shard.clips:
            key = clip.cut.key
            _add(tar, f"{key}.z.npy", latents[key] if key in latents else _bytes(catalog.folder, old[key]))
            _add(tar, f"{key}.json", json.dumps(clip.record, sort_keys=True, ensure_ascii=False).encode())
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(beside, path)
    catalog.put("shard", shard.name, "", {"sha256": _hash(path), "clips": len(shard.clips), "bytes": path.stat().st_size})


def _latents(
    catalog: Catalog,
    wanted: list[Shard],
    old: dict[str, dict[str, Any]],
    model: Path,
    config: DataConfig,
    processes: int,
    failed: dict[str, str],
) -> Iterator[tuple[Shard, dict[str, bytes]]]:
    """Each shard, as soon as it can be written, with key -> npy bytes of its clips, less those that an old shard has.

    A film is decoded once for all shards that it has clips in. Clips of which there is no picture any more go into `failed`,
    with the reason, and the shards that want them are left out.
    """
    home = source_folder(catalog)
    films: dict[str, list[Cut]] = {}
    shard_of: dict[str, int] = {}
    lacking: dict[int, set[str]] = {}
    for number, shard in enumerate(wanted):
        lacking[number] = set()
        for clip in shard.clips:
            row = old.get(clip.cut.key)
            if not row or row["mark"] != clip.mark or not _place(catalog.folder, row["shard"]).is_file():
                films.setdefault(clip.file, []).append(clip.cut)
                shard_of[clip.cut.key] = number
                lacking[number].add(clip.cut.key)
        if not lacking[number]:
            yield shard, {}
    files = {name: catalog.get("file", name) or {} for name in films}
    jobs = ((name, (home / files[name]["path"], cuts, files[name]["interlaced"], model)) for name, cuts in films.items())
    seconds = {name: max(3600.0, 0.1 * file.get("frames", 0)) for name, file in files.items()}
    found: dict[int, dict[str, bytes]] = {number: {} for number in lacking}
    for name, result in workers.each(
        encode_film, jobs, processes=processes, seconds=seconds, memory_mb=config.ingest.memory_mb + 4096
    ):
        reason = result.reason if isinstance(result, workers.Failure) else "the film is shorter than before"
        latents = {} if isinstance(result, workers.Failure) else result
        for cut in films[name]:
            if cut.key not in latents:
                failed[cut.key] = reason
                continue
            number = shard_of[cut.key]
            found[number][cut.key] = _npy(latents[cut.key])
            if len(found[number]) == len(lacking[number]):
                yield wanted[number], found.pop(number)


def _write_index(catalog: Catalog, wanted: list[Shard], vae: str) -> None:
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(_rows(catalog, wanted), schema=SCHEMA.with_metadata({"tokenizer": vae}))
    pq.write_table(table, buffer)
    write_atomic(catalog.folder / "index.parquet", buffer.getvalue())


def _rows(catalog: Catalog, wanted: list[Shard]) -> list[dict[str, Any]]:
    """The rows of the index that name the clips of these shards."""
    rows = []
    for shard in wanted:
        with tarfile.open(_place(catalog.folder, shard.name)) as tar:
            places = {member.name: (member.offset_data, member.size) for member in tar}
        for clip in shard.clips:
            (offset, size), (record_offset, record_size) = (places[clip.cut.key + end] for end in (".z.npy", ".json"))
            record = clip.record
            rows.append({
                "key": clip.cut.key, "split": clip.split, "shard": shard.name, "offset": offset, "bytes": size,
                "record_offset": record_offset, "record_bytes": record_size, "mark": clip.mark, "file": clip.file,
                "start": clip.cut.start, "end": clip.cut.end, "captions": len(record["captions"]),
                **{name: record[name] for name in ("frames", "height", "width", "fps", "source", "licence")},
            })  # fmt: skip
    return rows


SCHEMA = pa.schema([
    ("key", pa.string()), ("split", pa.string()), ("shard", pa.string()), ("offset", pa.int64()), ("bytes", pa.int64()),
    ("record_offset", pa.int64()), ("record_bytes", pa.int64()), ("mark", pa.string()), ("file", pa.string()),
    ("start", pa.int64()), ("end", pa.int64()), ("captions", pa.int32()), ("frames", pa.int32()), ("height", pa.int32()),
    ("width", pa.int32()), ("fps", pa.float64()), ("source", pa.string()), ("licence", pa.string()),
])  # fmt: skip


def samples(folder: Path, split: str = "train") -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
    """Every clip of a split, in the order of the index. FileNotFoundError where nothing was encoded."""
    if not (folder / "index.parquet").is_file():
        raise FileNotFoundError(f"{folder}: nothing is encoded there. Run skyloom data encode -o {folder}.")
    for row in index_rows(folder):
        if row["split"] == split:
            yield read_clip(folder, row)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # no date, owner or mode of this machine: the same clips give the same bytes
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.cache
def _load_projection(model: Path) -> "Projection":
    import torch

    from ..base.checkpoint import load_weights
    from ..config import from_json
    from ..models.vae import VAE
    from .project import Projection

    torch.set_num_threads(1)
    vae = VAE(from_json((model / "config.json").read_text(encoding="utf-8")).vae)
    load_weights(vae, model / "vae.safetensors")
    return Projection.of(vae)
