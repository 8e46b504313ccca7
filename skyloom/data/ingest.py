"""Files -> rows: what each file is, whose it is, whether it was there before, or why it cannot be used.

Every file under the folder becomes a row, the broken ones with a reason in `dropped`. Nothing outside the folder is read: links
that lead out are rows with a reason too. Names may hold anything; rows carry them as JSON, which keeps every byte.

Words about a file come from beside it: `clip.mp4.json` or `clip.json`, `clip.txt` for a caption alone, or the folder's
`manifest.csv` or `manifest.jsonl` with a column `file`. Fields: caption, licence, consent (yes or no), source; others are kept.
"""

import csv
import hashlib
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..base import footage
from . import workers
from .catalog import Catalog, mark_of
from .settings import IngestConfig

VERSION = 3
SIDECARS = (".json", ".txt", ".csv", ".jsonl")
MANIFESTS = ("manifest.jsonl", "manifest.csv")
SLOWEST = 10e6  # bytes a second that a disk gives at least; a file is read twice, for its hash and for its packets
NO_CONSENT = "consent: no"
LARGEST_SIDECAR = 1 << 20  # bytes


def ingest(catalog: Catalog, folder: Path, config: IngestConfig, *, processes: int = 1) -> int:
    """Brings the stage "file" up to date with the folder; returns how many files were read anew.

    ValueError for a folder that is none, or the data set's own, or a manifest that cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: is no folder. Wanted one with footage in it.")
    if folder.resolve() == catalog.folder.resolve():
        raise ValueError(f"{folder}: holds the data set itself. Wanted another folder for one of them: -o {folder / 'set'}.")
    catalog.put("meta", "folder", "", {"path": str(folder.resolve())})
    manifest = read_manifest(folder)
    seen, waiting = set(), {}
    for path in files_under(folder, catalog.folder.resolve()):
        name = shown_name(path, folder)
        seen.add(name)
        words = words_of(path, folder, manifest)
        mark = _mark(path, words, config)
        if catalog.get("file", name, mark) is None:
            waiting[name] = (path, words, mark)
    jobs = ((name, (path, folder)) for name, (path, _, _) in waiting.items())
    seconds = {name: config.seconds_to_read + _size(path) / SLOWEST for name, (path, _, _) in waiting.items()}
    for name, found in workers.each(read_file, jobs, processes=processes, seconds=seconds, memory_mb=config.memory_mb):
        path, words, mark = waiting[name]
        row = found if isinstance(found, dict) else {"dropped": found.reason}
        row = {"name": name, "path": os.path.relpath(path, folder), **words, "dropped": "", **row}
        row["dropped"] = row["dropped"] or refused(row, config)
        catalog.put("file", name, mark, row)
    for name in [key for key, _ in catalog.rows("file") if key not in seen]:
        catalog.remove("file", name)
    mark_copies(catalog)
    return len(waiting)


def files_under(folder: Path, own: Path) -> Iterator[Path]:
    """All files that may be footage, in the order of their names; no hidden ones, no sidecars, nothing in the folder `own`."""
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and (f != own.name or Path(root, f).resolve() != own))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() not in SIDECARS:
                yield Path(root, name)
        for name in folders:
            if os.path.islink(os.path.join(root, name)):
                yield Path(root, name)  # not walked into: a row says so


def shown_name(path: Path, folder: Path) -> str:
    """The path inside the folder as text that can be printed and stored; bytes that are none become escapes, and so do
    backslashes: two files never share a name."""
    return os.fsencode(path.relative_to(folder).as_posix()).replace(b"\\", rb"\\").decode("utf-8", "backslashreplace")


def read_file(path: Path, folder: Path) -> dict[str, Any]:
    """Runs in a worker. The part of a row that the file itself tells. ValueError with the reason where it cannot be used."""
    check_place(path, folder)
    size = path.stat().st_size
    if not size:
        raise ValueError("is empty")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        found = footage.probe(path)
    except ValueError as error:
        return {"hash": digest, "bytes": size, "dropped": str(error)}
    pixels = max(1, found.frames) * found.width * found.height
    return {"hash": digest, "bytes": size, "bits_a_pixel": round(8 * size / pixels, 5), **found.row()}


def check_place(path: Path, folder: Path) -> None:
    """ValueError for links out of the folder, and for what is no file: pipes, devices, folders behind links."""
    try:
        real, home = path.resolve(), folder.resolve()
    except RuntimeError:  # of Python before 3.13
        raise ValueError("is a link that leads to itself") from None
    if not real.is_relative_to(home):
        raise ValueError("is a link out of the folder")
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ValueError(f"cannot be opened ({(error.strerror or str(error)).lower()})") from None
    if not stat.S_ISREG(mode):
        raise ValueError("is a link to a folder" if stat.S_ISDIR(mode) else "is a pipe, socket or device, not a file")
    if path.is_symlink():
        raise ValueError("is a link to another file here")
    if not os.access(path, os.R_OK):
        raise ValueError("may not be read by you")


def refused(row: dict[str, Any], config: IngestConfig) -> str:
    """Why a good file may not be used, or ""."""
    licence, consent = str(row.get("licence", "")), str(row.get("consent", "")).lower()
    if consent in ("no", "false", "0"):
        return NO_CONSENT
    if config.need_consent and consent not in ("yes", "true", "1"):
        return f"consent: {consent or 'nothing said'}, wanted yes"
    if config.licences and licence not in config.licences:
        return f"licence: {licence or 'nothing said'}, wanted one of {', '.join(config.licences)}"
    if row.get("hdr") and not config.hdr:
        return f"hdr: {row['hdr']}, wanted standard range"
    return ""


def mark_copies(catalog: Catalog) -> None:
    """Of files with the same bytes, the first by name stays; the others say which it was. Who said no said it of the bytes."""
    first: dict[str, str] = {}
    rows = list(catalog.rows("file"))
    refused = {row["hash"]: name for name, row in rows if row["dropped"] == NO_CONSENT}
    for name, row in rows:
        if row["dropped"] and not row["dropped"].startswith("copy of "):
            continue
        of = first.setdefault(row["hash"], name)
        reason = "" if of == name else f"copy of {of}"
        if row["hash"] in refused:
            reason = f"copy of {refused[row['hash']]}, {NO_CONSENT}"
        if reason != row["dropped"]:
            mark = catalog.db.execute("SELECT mark FROM rows WHERE stage = 'file' AND key = ?", (name,)).fetchone()[0]
            catalog.put("file", name, mark, {**row, "dropped": reason})


def read_manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """file -> its fields, from manifest.jsonl or manifest.csv."""
    for path in (folder / name for name in MANIFESTS):
        if path.is_file():
            try:
                text = path.read_text(encoding="utf-8-sig")
                if path.suffix == ".csv":
                    rows = list(csv.DictReader(io.StringIO(text)))
                else:
                    rows = [json.loads(line) for line in text.split("\n") if line.strip()]
                return {str(row["file"]): _fields(row) for row in rows}
            except (ValueError, KeyError, TypeError, csv.Error) as error:
                raise ValueError(f"{path}: cannot be read ({error}). Wanted rows with a field 'file'.") from None
    return {}


def words_of(path: Path, folder: Path, manifest: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What stands beside a file, and in the manifest; the file's own sidecar has the last word."""
    words = dict(manifest.get(os.path.relpath(path, folder), {}))
    for beside in (path.with_suffix(".txt"), path.with_suffix(".json"), path.with_name(path.name + ".json")):
        if not _is_small_file(beside):
            continue
        text = beside.read_text(encoding="utf-8-sig", errors="replace")
        try:
            words |= {"caption": text.strip()} if beside.suffix == ".txt" else _fields(json.loads(text))
        except (ValueError, AttributeError, RecursionError) as error:
            words["sidecar"] = f"{beside.name}: cannot be read ({error})"[:200]
    return words


def _is_small_file(path: Path) -> bool:
    try:
        return path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_SIDECAR
    except (OSError, ValueError):
        return False


def _fields(row: dict[str, Any]) -> dict[str, Any]:
    """Fields of a sidecar as a row has them. It may not say what the file itself says."""
    taken = {"name", "path", "hash", "bytes", "bits_a_pixel", "dropped", "file", *footage.Footage.__dataclass_fields__}
    words = {str(key): value for key, value in row.items() if key and value not in (None, "") and key not in taken}
    if "license" in words:
        words.setdefault("licence", words.pop("license"))
    return json.loads(whole_text(json.dumps(words, ensure_ascii=False)))


def whole_text(text: str) -> str:
    """Without halves of characters, which JSON may hold and no file can: a mark stands in their place."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _mark(path: Path, words: dict[str, Any], config: IngestConfig) -> str:
    """What a row depends on: size and time of the file, its words, the settings."""
    try:
        status = path.lstat()
        what: tuple[object, ...] = (status.st_size, status.st_mtime_ns, status.st_mode)
    except OSError:
        what = ("gone",)
    return mark_of(VERSION, what, sorted(words.items(), key=lambda item: item[0]), config)
