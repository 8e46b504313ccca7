"""What a data set holds, for the eye and for scripts: one HTML page that needs no other file, and the same facts as JSON.

Everything that came in has its place: files that could not be used, shots with the reasons they were dropped for, copies beside
what they are copies of. Names and captions are strangers' words and are escaped.
"""

import base64
import html
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..base.checkpoint import write_atomic
from .build import funnel
from .caption import captions_of
from .catalog import Catalog

SHOWN = 60  # shots of each kind that have a picture
BARS = 24  # of a histogram
OUT = "Files left out or broken off"
SCORES = ("motion", "camera", "objects", "frozen", "blur", "blocks", "quantiser", "letters", "contrast", "light", "looks")


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
    parts = [
        _section("The way", _funnel(funnel(catalog))),
        _section(
            "Why not",
            _reasons(OUT, _why_files(catalog)) + _reasons("Shots dropped", _why_shots(catalog)),
        ),
        _section("Measures", "".join(_histogram(name, shots) for name in SCORES) if shots else ""),
        _section(f"Kept, {_some(kept)}", _cards(catalog, kept)),
        _section(f"Dropped, {_some(dropped)}", _cards(catalog, dropped)),
        _section(f"Copies, {_some(copies)}", "".join(_copy(catalog, key, row) for key, row in copies[:SHOWN])),
        _section("Licences and sources", _licences(catalog)),
        _section("Files that cannot be used, or break off", _files(catalog)),
    ]
    name = html.escape(catalog.folder.resolve().name)
    return PAGE.replace("{{title}}", name).replace("{{body}}", "\n".join(part for part in parts if part))


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


def _section(title: str, body: str) -> str:
    return f"<section><h2>{html.escape(title)}</h2>{body}</section>" if body else ""


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


def _histogram(name: str, shots: list[tuple[str, dict[str, Any]]]) -> str:
    """Kept over dropped, as one picture of bars; the uppermost hundredth lies in the last bar."""
    values = sorted((row["scores"][name], bool(row["dropped"])) for _, row in shots)
    top = values[min(len(values) - 1, int(len(values) * 0.99))][0]
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
    drawing = f'<svg viewBox="0 0 {BARS * 10} 62" preserveAspectRatio="none">{"".join(shapes)}</svg>'
    return f"<figure>{drawing}<figcaption>{name}<span>0 – {top:.3g}</span></figcaption></figure>"


def _cards(catalog: Catalog, shots: list[tuple[str, dict[str, Any]]]) -> str:
    cards = "".join(_card(catalog, key, row) for key, row in shots[:SHOWN])
    return f'<div class="cards">{cards}</div>' if cards else ""


def _card(catalog: Catalog, key: str, row: dict[str, Any]) -> str:
    reasons = "".join(f"<em>{html.escape(reason)}</em>" for reason in row["dropped"])
    words = "".join(f"<p><u>{c['source']}</u> {html.escape(c['text'][:400])}</p>" for c in captions_of(catalog, key)[:2])
    scores = html.escape(json.dumps(row["scores"]))
    where = f"{html.escape(row['file'])} · {row['start']}–{row['end']} · {row['to'] - row['from']:.1f} s"
    return f'<article title="{scores}">{_picture(catalog, key)}<small>{where}</small>{reasons}{words}</article>'


def _copy(catalog: Catalog, key: str, row: dict[str, Any]) -> str:
    other = (catalog.get("shot", row["copy_of"]) or {}).get("file", "")
    names = f"{html.escape(row['file'])} is a copy of {html.escape(other)}"
    why = html.escape(row["dropped"][0])
    return f'<div class="pair">{_picture(catalog, key)}{_picture(catalog, row["copy_of"])}<small>{names}<br>{why}</small></div>'


def _picture(catalog: Catalog, key: str) -> str:
    jpegs = catalog.pictures(key)
    if not jpegs:
        return ""
    data = base64.b64encode(jpegs[len(jpegs) // 2]).decode()
    return f'<img loading="lazy" alt="" src="data:image/jpeg;base64,{data}">'


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
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{title}}</title><style>
:root{--ink:#1d2430;--soft:#667085;--line:#e6e8ee;--ground:#fafbfc;--card:#fff;--kept:#2f7d6b;--gone:#d98b52}
@media(prefers-color-scheme:dark){:root{--ink:#e8eaf0;--soft:#98a1b3;--line:#2a303c;--ground:#12151b;--card:#1a1f28;--kept:#59b39d}}
*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:40px 28px 90px;background:var(--ground);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI","Noto Sans",sans-serif}h1{font-size:30px;margin:0;letter-spacing:-.02em}
h1+p{color:var(--soft);margin:4px 0 0}h2{font-size:19px;margin:44px 0 14px}
h3{font-size:14px;color:var(--soft);margin:0 0 6px;font-weight:500}
.row{display:flex;align-items:center;gap:12px;margin:5px 0}.row span{width:120px;color:var(--soft)}
.row i{background:var(--kept);height:22px;border-radius:4px;min-width:2px}
.row:nth-child(n+2) i{opacity:.88}.row:nth-child(n+4) i{opacity:.74}.row b{font-variant-numeric:tabular-nums}
.half{display:inline-block;vertical-align:top;width:min(100%,520px);margin-right:40px}table{border-collapse:collapse;width:100%}
td,th{padding:5px 14px 5px 0;border-bottom:1px solid var(--line);text-align:left;overflow-wrap:anywhere}
th{color:var(--soft);font-weight:500}
td:last-child,th:last-child{font-variant-numeric:tabular-nums}figure{display:inline-block;width:256px;margin:0 16px 16px 0}
svg{width:100%;height:70px;border-bottom:1px solid var(--line)}.kept{fill:var(--kept)}.gone{fill:var(--gone)}
figcaption{display:flex;justify-content:space-between}figcaption span,small{color:var(--soft);font-size:12px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(205px,1fr));gap:16px}
article,.pair{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px;overflow:hidden}
article img{width:100%;aspect-ratio:16/9;object-fit:contain;background:#0008;border-radius:6px;display:block;margin-bottom:6px}
article small{display:block;overflow-wrap:anywhere}article em{display:inline-block;font-style:normal;font-size:12px;
background:color-mix(in srgb,var(--gone) 22%,transparent);border-radius:5px;padding:1px 7px;margin:5px 5px 0 0}
article p{font-size:13px;margin:7px 0 0}article u{text-decoration:none;color:var(--kept);font-size:12px}
.pair{display:flex;gap:12px;align-items:center;margin:0 0 12px}.pair img{height:92px;border-radius:6px}
.key{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 5px 0 12px}
</style></head><body><h1>{{title}}</h1><p>A Skyloom data set.
<i class="key" style="background:var(--kept)"></i>kept<i class="key" style="background:var(--gone)"></i>dropped</p>
{{body}}
</body></html>
"""
