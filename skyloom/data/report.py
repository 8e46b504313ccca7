"""What a data set holds, for the eye and for scripts: one HTML page that needs no other file, and the same facts as JSON.

Everything that came in has its place: files that could not be used, shots with the reasons they were dropped for, copies beside
what they are copies of. Names and captions are strangers' words and are escaped.
"""

import base64
import html
import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..base.files import write_atomic
from ..config import override
from .build import funnel
from .caption import captions_of
from .catalog import Catalog
from .settings import DataConfig, ScoreConfig

SHOWN = 60  # shots of each kind that have a picture
BARS = 32  # of a histogram
FILMS = 200  # whose shots are drawn on a line
OUT = "Files left out or broken off"
SCORES = {  # what each number means, and the bounds that it is held against
    "motion": ("camera and objects, sizes of the picture a second", "least_motion", "most_motion"),
    "drift": ("change within half a second, grey levels", "least_drift"),
    "frozen": ("seconds without any change", "most_frozen"),
    "blur": ("0 sharp, 1 without detail", "most_blur"),
    "blocks": ("traces of 8 x 8 blocks", "most_blocks"),
    "quantiser": ("how coarsely H.264 rounded", "most_quantiser"),
    "letters": ("share of the picture under text", "most_letters"),
    "border": ("share under bars", "most_border"),
    "dark": ("share of black pixels", "most_dark"),
    "contrast": ("of light", "least_contrast"),
    "light": ("mean, 0 to 1",),
    "looks": ("sharpness, contrast, colour, exposure", "least_looks"),
    "nsfw": ("probability, of the classifier that was given", "most_nsfw"),
    "words": ("most that can be read in one picture", "most_words"),
    "faces": ("most in one picture",),
    "face_area": ("share of a picture under faces", "most_faces"),
}


def facts(catalog: Catalog) -> dict[str, Any]:
    """Every file and every shot with start, end, scores, captions and, where dropped, the reasons."""
    files = [{**_public(row), **_film(catalog, row)} for _, row in catalog.rows("file")]
    shots = [{"key": key, **row, "captions": captions_of(catalog, key)} for key, row in catalog.rows("shot")]
    shards = [{"name": name, **row} for name, row in catalog.rows("shard")]
    return {"funnel": funnel(catalog), "files": files, "shots": shots, "shards": shards}


def summary(catalog: Catalog) -> str:
    """The same in a screenful of text."""
    counts = funnel(catalog)
    lines = [f"{name:14s} {count}" for name, count in counts.items()]
    for title, why in ((OUT.lower(), _why_files(catalog)), ("shots dropped", _why_shots(catalog))):
        if why:
            lines += ["", f"{title}:", *(f"  {count:6d}  {reason}" for reason, count in why.most_common())]
    licences = Counter(str(row.get("licence") or "nothing said") for _, row in catalog.rows("file") if not row["dropped"])
    lines += ["", "licences:", *(f"  {count:6d}  {name}" for name, count in licences.most_common())]
    return "\n".join(lines)


def write_report(catalog: Catalog) -> Path:
    """Writes DATASET/report.html and returns its path."""
    path = catalog.folder / "report.html"
    write_atomic(path, page(catalog))
    return path


def page(catalog: Catalog) -> str:
    shots = list(catalog.rows("shot"))
    kept, copies = [s for s in shots if not s[1]["dropped"]], [s for s in shots if "copy_of" in s[1]]
    dropped = [s for s in shots if s[1]["dropped"] and "copy_of" not in s[1]]
    bounds, measured = _bounds(catalog), shots[0][1]["scores"] if shots else {}
    parts = [
        ("way", "The way", _funnel(funnel(catalog))),
        ("why", "Why not", _reasons(OUT, _why_files(catalog)) + _reasons("Shots dropped", _why_shots(catalog))),
        ("films", "Films and their shots", _timelines(catalog, shots)),
        ("measures", "Measures", "".join(_histogram(name, shots, bounds) for name in SCORES if name in measured)),
        ("kept", f"Kept, {_some(kept)}", _cards(catalog, kept)),
        ("dropped", f"Dropped, {_some(dropped)}", _cards(catalog, dropped)),
        ("copies", f"Copies, {_some(copies)}", "".join(_copy(catalog, key, row) for key, row in copies[:SHOWN])),
        ("licences", "Licences and sources", _licences(catalog)),
        ("files", "Files that cannot be used, or break off", _files(catalog)),
    ]
    there = [part for part in parts if part[2]]
    links = "".join(f'<a href="#{id}">{html.escape(title.split(",")[0])}</a>' for id, title, _ in there)
    body = "\n".join(_section(*part) for part in there)
    filled = {
        "title": html.escape(catalog.folder.resolve().name),
        "links": links,
        "numbers": _numbers(shots, kept),
        "body": body,
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda name: filled[name[1]], PAGE)


def _bounds(catalog: Catalog) -> ScoreConfig:
    config = DataConfig()
    for path, value in (catalog.get("meta", "settings") or {}).items():
        config = override(config, path, value)
    return config.score


def _numbers(shots: list[tuple[str, dict[str, Any]]], kept: list[tuple[str, dict[str, Any]]]) -> str:
    """The page in one glance."""
    seconds, all_seconds = (sum(row["to"] - row["from"] for _, row in some) for some in (kept, shots))
    share = f"{100 * len(kept) / len(shots):.0f} %" if shots else "–"
    shown = (
        (len({row["file"] for _, row in shots}), "films with pictures"), (len(shots), "shots"), (share, "of them kept"),
        (_time(seconds), f"of {_time(all_seconds)} kept"),
    )  # fmt: skip
    return "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in shown)


def _time(seconds: float) -> str:
    whole = round(seconds)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d} min"
    )


def _timelines(catalog: Catalog, shots: list[tuple[str, dict[str, Any]]]) -> str:
    """A line a film: its shots by time, kept or dropped; between them what belongs to no shot."""
    films: dict[str, list[dict[str, Any]]] = {}
    for _, row in shots:
        films.setdefault(row["file"], []).append(row)
    lines = []
    for name, rows in list(films.items())[:FILMS]:
        whole = max(row["to"] for row in rows) or 1.0
        pieces = "".join(
            f'<i class="{"gone" if row["dropped"] else "kept"}" style="left:{100 * row["from"] / whole:.2f}%;'
            f'width:{max(0.15, 100 * (row["to"] - row["from"]) / whole - 0.15):.2f}%" title="{_tip(row)}"></i>'
            for row in rows
        )
        lines.append(f'<div class="film"><span>{html.escape(name)}</span><div>{pieces}</div><b>{whole:.1f} s</b></div>')
    more = f"<small>and {len(films) - FILMS} more</small>" if len(films) > FILMS else ""
    return "".join(lines) + more


def _tip(row: dict[str, Any]) -> str:
    return html.escape(f"{row['from']:.2f} – {row['to']:.2f} s: {', '.join(row['dropped']) or 'kept'}")


def _public(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "path"}


def _film(catalog: Catalog, row: dict[str, Any]) -> dict[str, Any]:
    """What decoding the file showed: pictures, joins of shots as (kind, start, end), and where it breaks off, why."""
    film = catalog.get("film", row["hash"]) if not row["dropped"] else None
    return {"decoded": film["frames"], "joins": film["joins"], "broken": film["broken"]} if film else {}


def _why_files(catalog: Catalog) -> Counter[str]:
    return Counter(_kind(reason) for _, reason in _bad_files(catalog))


def _bad_files(catalog: Catalog) -> list[tuple[str, str]]:
    """(name, reason) of files left out, and of those that are good only up to where they break off."""
    rows = [(name, row["dropped"] or _film(catalog, row).get("broken", "")) for name, row in catalog.rows("file")]
    return [(name, reason) for name, reason in rows if reason]


def _why_shots(catalog: Catalog) -> Counter[str]:
    return Counter(_kind(reason) for _, row in catalog.rows("shot") for reason in row["dropped"])


def _kind(reason: str) -> str:
    """A reason without its numbers and names."""
    return "copy of another file" if reason.startswith("copy of ") else reason.split(":")[0].split(" (")[0]


def _some(rows: list[Any]) -> str:
    return f"{len(rows)}" if len(rows) <= SHOWN else f"the first {SHOWN} of {len(rows)}"


def _section(id: str, title: str, body: str) -> str:
    return f'<section id="{id}"><h2>{html.escape(title)}</h2>{body}</section>'


def _funnel(counts: dict[str, int]) -> str:
    most = max(1, *counts.values())
    rows = (
        f'<div class="row"><span>{html.escape(name)}</span><i style="width:{62 * count / most:.2f}%"></i><b>{count}</b></div>'
        for name, count in counts.items()
    )
    return f'<div class="funnel">{"".join(rows)}</div>'


def _reasons(title: str, why: Counter[str]) -> str:
    if not why:
        return ""
    rows = "".join(f"<tr><td>{html.escape(reason)}</td><td>{count}</td></tr>" for reason, count in why.most_common())
    return f'<div class="half"><h3>{title}</h3><table>{rows}</table></div>'


def _histogram(name: str, shots: list[tuple[str, dict[str, Any]]], config: ScoreConfig) -> str:
    """Kept over dropped, as one picture of bars with the bounds as lines; the uppermost hundredth lies in the last bar."""
    meaning, *fields = SCORES[name]
    bounds = [bound for field in fields if (bound := getattr(config, field)) > 0]
    values = sorted((row["scores"][name], bool(row["dropped"])) for _, row in shots if math.isfinite(row["scores"][name]))
    if not values:
        return ""
    top = max([values[min(len(values) - 1, int(len(values) * 0.99))][0], *(1.2 * bound for bound in bounds)])
    top = top if top > 0 else 1.0
    bars = [[0, 0] for _ in range(BARS)]
    for value, dropped in values:
        bars[min(BARS - 1, max(0, int(value / top * BARS)))][dropped] += 1
    most = max(sum(bar) for bar in bars)
    shapes = []
    for i, (kept, gone) in enumerate(bars):
        low, high = 60 * kept / most, 60 * gone / most
        shapes.append(f'<rect x="{i * 10}" y="{60 - low:.1f}" width="8" height="{low:.1f}" class="kept"/>')
        shapes.append(f'<rect x="{i * 10}" y="{60 - low - high:.1f}" width="8" height="{high:.1f}" class="gone"/>')
    shapes += [f'<rect x="{BARS * 10 * bound / top:.1f}" y="0" width="1.5" height="62" class="bound"/>' for bound in bounds]
    drawing = f'<svg viewBox="0 0 {BARS * 10} 62" preserveAspectRatio="none">{"".join(shapes)}</svg>'
    told = f"0 – {top:.3g}" + "".join(f", bound {bound:g}" for bound in bounds)
    return f"<figure>{drawing}<figcaption>{name}<span>{told}</span></figcaption><small>{meaning}</small></figure>"


def _cards(catalog: Catalog, shots: list[tuple[str, dict[str, Any]]]) -> str:
    cards = "".join(_card(catalog, key, row) for key, row in shots[:SHOWN])
    return f'<div class="cards">{cards}</div>' if cards else ""


def _card(catalog: Catalog, key: str, row: dict[str, Any]) -> str:
    reasons = "".join(f"<em>{html.escape(reason)}</em>" for reason in row["dropped"])
    words = "".join(f"<p><u>{c['source']}</u> {html.escape(c['text'][:400])}</p>" for c in captions_of(catalog, key)[:2])
    scores = html.escape(json.dumps(row["scores"]))
    where = f"{html.escape(row['file'])} · {row['start']}–{row['end']} · {row['to'] - row['from']:.1f} s"
    return f'<article title="{scores}">{_strip(catalog, key)}<small>{where}</small>{reasons}{words}</article>'


def _copy(catalog: Catalog, key: str, row: dict[str, Any]) -> str:
    other = (catalog.get("shot", row["copy_of"]) or {}).get("file", "")
    names = f"{html.escape(row['file'])} is a copy of {html.escape(other)}"
    why = html.escape(row["dropped"][0])
    return f'<div class="pair">{_picture(catalog, key)}{_picture(catalog, row["copy_of"])}<small>{names}<br>{why}</small></div>'


def _strip(catalog: Catalog, key: str) -> str:
    """The shot's pictures, one over the other; under the pointer they play."""
    return f'<div class="strip">{"".join(_image(jpeg) for jpeg in catalog.pictures(key))}</div>'


def _picture(catalog: Catalog, key: str) -> str:
    jpegs = catalog.pictures(key)
    return _image(jpegs[len(jpegs) // 2]) if jpegs else ""


def _image(jpeg: bytes) -> str:
    return f'<img loading="lazy" alt="" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'


def _licences(catalog: Catalog) -> str:
    good: Iterable[dict[str, Any]] = (row for _, row in catalog.rows("file") if not row["dropped"])
    tally = Counter(
        (str(r.get("licence") or "nothing said"), str(r.get("consent") or "–"), str(r.get("source") or "–")) for r in good
    )
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(part)}</td>" for part in parts) + f"<td>{count}</td></tr>"
        for parts, count in tally.most_common(200)
    )
    return f"<table><tr><th>licence</th><th>consent</th><th>source</th><th>files</th></tr>{rows}</table>" if rows else ""


def _files(catalog: Catalog) -> str:
    bad = _bad_files(catalog)[:500]
    rows = "".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(reason)}</td></tr>" for name, reason in bad)
    return f"<table>{rows}</table>" if rows else ""


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{title}}</title>
<link rel="icon" href="data:,"><style>
:root{--ink:#18202c;--soft:#667085;--line:#e4e7ee;--ground:#f6f7f9;--card:#fff;--kept:#23806b;--gone:#dd8a4c;--blue:#3b6fd4}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#98a1b3;--line:#2a303c;--ground:#0f1218;--card:#181d26;--kept:#54b79b}}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:64px}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI","Noto Sans",sans-serif}
header,main{max-width:1220px;margin:auto;padding:0 28px}header{padding-top:44px}main{padding-bottom:90px}
h1{font-size:34px;line-height:1.2;margin:0;letter-spacing:-.025em;overflow-wrap:anywhere}
header p{color:var(--soft);margin:4px 0 24px}
h2{font-size:19px;letter-spacing:-.01em;margin:0 0 16px}h3{font-size:14px;color:var(--soft);margin:0 0 6px;font-weight:500}
.numbers{display:grid;grid-template-columns:repeat(auto-fit,minmax(180px,1fr));gap:14px}
.numbers div,section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:18px 22px}
.numbers b{display:block;font-size:30px;line-height:1.2;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.numbers span{color:var(--soft);font-size:14px}section{margin:18px 0;padding:22px 24px}
nav{position:sticky;top:0;z-index:2;background:color-mix(in srgb,var(--ground) 88%,transparent);backdrop-filter:blur(8px);
padding:12px 28px;margin:18px auto 0;max-width:1220px;display:flex;gap:6px 20px;flex-wrap:wrap;font-size:14px}
nav a{color:var(--soft);text-decoration:none}nav a:hover{color:var(--ink)}
.row{display:flex;align-items:center;gap:12px;margin:6px 0}.row span{width:120px;color:var(--soft)}
.row i{background:linear-gradient(90deg,var(--kept),color-mix(in srgb,var(--kept) 70%,var(--blue)));height:22px;
border-radius:5px;min-width:2px}.row b,.film b{font-variant-numeric:tabular-nums;font-weight:600}
.film{display:flex;align-items:center;gap:14px;margin:7px 0;font-size:13px}.film b{width:64px;text-align:right;font-weight:500}
.film span{width:200px;color:var(--soft);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.film div{position:relative;flex:1;height:18px;background:var(--line);border-radius:4px;overflow:hidden}
.film i{position:absolute;top:0;bottom:0;border-radius:3px}.film .kept{background:var(--kept)}
.film .gone{background:var(--gone)}
.film i:hover{filter:brightness(1.2)}
.half{display:inline-block;vertical-align:top;width:min(100%,500px);margin-right:40px}table{border-collapse:collapse;width:100%}
td,th{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);text-align:left;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:500}td:last-child,th:last-child{font-variant-numeric:tabular-nums}
figure{display:inline-block;width:calc(25% - 22px);min-width:230px;margin:0 22px 20px 0;vertical-align:top}
svg{width:100%;height:76px;border-bottom:1px solid var(--line);display:block}.kept{fill:var(--kept)}.gone{fill:var(--gone)}
.bound{fill:var(--blue)}figcaption{display:flex;justify-content:space-between;gap:8px;margin-top:4px;font-weight:500}
figcaption span,small{color:var(--soft);font-size:12px;font-weight:400}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:18px}
article{overflow:hidden;font-size:13px}.strip{position:relative;aspect-ratio:16/9;border-radius:9px;overflow:hidden;background:#0b0d11;
margin-bottom:6px}.strip img{position:absolute;inset:0;width:100%;height:100%;object-fit:contain}
.strip img:nth-child(n+2){opacity:0}article:hover .strip img{animation:play 2s infinite steps(1)}
.strip img:nth-child(2){animation-delay:.5s!important}.strip img:nth-child(3){animation-delay:1s!important}
.strip img:nth-child(4){animation-delay:1.5s!important}@keyframes play{0%{opacity:1}100%{opacity:1}}
article:hover .strip img:nth-child(n+2){animation-name:over}@keyframes over{0%{opacity:1}75%{opacity:0}100%{opacity:0}}
@media(prefers-reduced-motion:reduce){article:hover .strip img{animation:none}html{scroll-behavior:auto}}
article small{display:block;overflow-wrap:anywhere}article em{display:inline-block;font-style:normal;font-size:12px;
background:color-mix(in srgb,var(--gone) 20%,transparent);border-radius:6px;padding:1px 8px;margin:5px 5px 0 0}
article p{margin:7px 0 0}article u{text-decoration:none;color:var(--kept);font-size:12px}
.pair{display:flex;gap:14px;align-items:center;margin:0 0 12px}.pair img{height:92px;border-radius:8px}
.key{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 5px 0 14px}
</style></head><body><header><h1>{{title}}</h1><p>A Skyloom data set
<i class="key" style="background:var(--kept)"></i>kept<i class="key" style="background:var(--gone)"></i>dropped
<i class="key" style="background:var(--blue)"></i>bound</p><div class="numbers">{{numbers}}</div></header>
<nav>{{links}}</nav><main>
{{body}}
</main></body></html>
"""
