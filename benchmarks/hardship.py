"""What the data engine bears and feeds: files that nobody should trust, kills at any moment, and a trainer that waits.

    python benchmarks/data_engine.py loader kills hostile [--footage FOLDER]

Parts of data_engine.py, which publishes their tables.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from skyloom.base import footage
from skyloom.base.sizes import Ruler
from skyloom.data import build, ingest, shards
from skyloom.data.catalog import Catalog
from skyloom.data.mixture import Ahead, Source
from skyloom.data.packing import Pack, Packs
from skyloom.data.settings import DataConfig, IngestConfig, ShotConfig
from skyloom.evals import hostile, report
from skyloom.evals.composites import landscape
from skyloom.models.bundle import Bundle, load_bundle
from skyloom.models.shipped import find_model
from skyloom.train import finetune, optim

TOKENS = 512  # of a training step
LEARNED = 3  # steps, after one that warms up
BROKEN = ("killed its reader", "took longer than", "took more than")  # reasons that stand for a reader that was lost


def under_fire(count: int) -> str:
    """A row a reason: how many of `count` files that nobody should trust have it, after a build with latents."""
    with tempfile.TemporaryDirectory() as name:
        home, outside, made = (Path(name) / part for part in ("in", "outside", "good"))
        for folder in (home, outside, made):
            folder.mkdir()
        hostile.fill(home, outside, hostile.good_files(made), count)
        before, began = state_of(outside), time.perf_counter()
        config = DataConfig(ingest=IngestConfig(), shots=ShotConfig(min_seconds=0.1))
        with Catalog(Path(name) / "set", write=True) as catalog:
            ingest.ingest(catalog, home, config.ingest)
            build.measure(catalog, config)
            build.judge(catalog, config)
            shards.encode(catalog, find_model("storybook"), config, note=lambda line: None)
            rows = dict(catalog.rows("file"))
            encoded, wrong = shards.index_rows(catalog.folder), shards.check(catalog)
        seconds = time.perf_counter() - began
        secret = hashlib.sha256((outside / "secret.mp4").read_bytes()).hexdigest()
        read = sum(row.get("hash") == secret for row in rows.values())
        changed = state_of(outside) != before or len(os.listdir(home)) != count
    why = Counter(kind_of(row["dropped"]) for row in rows.values() if row["dropped"])
    lost = sum(why[reason] for reason in why if reason.startswith(BROKEN))
    told = [("taken in", sum(not row["dropped"] for row in rows.values())), *why.most_common()]
    facts = (
        f"{count} files, {len(rows)} rows; {lost} lost their reader; read from outside of the folder: {read}; changed in it or "
        f"outside: {'something' if changed else 'nothing'}; {len(encoded)} shots encoded, {len(wrong)} shards wrong; "
        f"{seconds:.0f} s with one worker.\n\n"
    )
    return facts + report.table(("what its row says", "files"), [(reason, str(number)) for reason, number in told])


def kind_of(reason: str) -> str:
    """A reason without what differs from file to file."""
    return re.sub(r"copy of .*", "copy of another", re.sub(r"\d[\d.]*", "N", reason.partition(" (")[0]), flags=re.DOTALL)


def state_of(folder: Path) -> dict[str, str]:
    """File -> hash, of all below a folder but for SQLite's own and the page, which says where it lies."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and "sqlite" not in path.name]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.name != "report.html"}


def set_of(folder: Path) -> tuple[dict[str, str], str]:
    """Everything that a data set holds: its files, and the rows and pictures of its catalogue."""
    with Catalog(folder) as catalog:
        rows = [catalog.db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in ("rows", "pictures")]
    return state_of(folder), hashlib.sha256(repr(rows).encode()).hexdigest()


def killed(kills: int, seed: int) -> str:
    """A row a data set, each built four times over with kill -9 on the way, then once to its end."""
    rng, rows = np.random.default_rng((seed, 51)), []
    with tempfile.TemporaryDirectory() as name:
        home = Path(name) / "in"
        home.mkdir()
        for i in range(6):
            scenes = [landscape(np.random.default_rng((seed, 52, i, j)), 48, (180, 320)) for j in range(2)]
            footage.compress(home / f"{i}.mp4", np.concatenate(scenes), 24)
        began = time.perf_counter()
        run(home, Path(name) / "whole").wait()
        whole, wanted = time.perf_counter() - began, set_of(Path(name) / "whole")
        for number in range(max(1, kills // 4)):
            place, reached = Path(name) / str(number), []
            for moment in rng.uniform(0.1, 1.0, 4):
                process = run(home, place)
                time.sleep(whole * float(moment))
                process.kill()
                process.wait()
                reached.append(stage_of(place))
            code, found = run(home, place).wait(), set_of(place)
            orphans = sorted(set(found[0]) - set(wanted[0]))
            same = "yes" if found == wanted and not code else "no"
            rows.append((", ".join(reached), same, ", ".join(orphans) or "none"))
    note = (
        f"`skyloom data build` of six films, {whole:.0f} s undisturbed, killed at random moments with kill -9, four times each "
        "set, then run to its end; same: every file, row and picture, by their hashes, as of a set that was never killed.\n\n"
    )
    return note + report.table(("had reached, at each kill", "same", "files left over"), rows)


def run(home: Path, folder: Path) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "skyloom", "data", "build", str(home), "-o", str(folder), "--processes", "2"]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def stage_of(folder: Path) -> str:
    """The last stage of which a killed build left something."""
    if not (folder / "catalog.sqlite").is_file():
        return "start"
    with Catalog(folder) as catalog:
        stages = (("shard", "latents"), ("shot", "bounds"), ("film", "shots"), ("file", "files"))
        reached = next((shown for stage, shown in stages if catalog.count(stage)), "start")
    return "end" if (folder / "report.html").is_file() else reached


def feeding(paths: Sequence[Path], steps: int = 40) -> str:
    """A row a way: clips and tokens a second that the loader gives, and that a training step on this machine takes."""
    model = find_model("storybook")
    with tempfile.TemporaryDirectory() as name:
        home, place = Path(name) / "in", Path(name) / "set"
        home.mkdir()
        for path in paths:
            shutil.copyfile(path, home / path.name)
        for i in range(0 if paths else 8):
            footage.compress(home / f"{i}.mp4", landscape(np.random.default_rng((53, i)), 96, (256, 448)), 24)
        run(home, place).wait()
        bundle, options = load_bundle("storybook"), finetune.Options(tokens=TOKENS)
        mixture = finetune.mix([Source(place)], bundle.config, bundle, shards.vae_hash(model), options)
        packs = Packs(mixture, *finetune.sizes_of(bundle.config, options))
        bundle.config = finetune.with_buckets(bundle.config, mixture)
        ruler, rows = mixture.ruler, []
        for shown, batches in (("clips of one shape", mixture), ("packed", packs)):
            seconds, clips, tokens = fed(batches.batch, ruler, steps)
            learned = learning(bundle, batches.batch)
            ahead = learning(bundle, Ahead(batches).batch)
            rate = tokens / seconds
            rows.append((
                shown, f"{clips / seconds:.0f}", f"{rate:.0f}", f"{learned.tokens(ruler):.0f}",
                f"{rate / learned.tokens(ruler):.0f} times", f"{learned.share:.2%}", f"{ahead.share:.2%}",
            ))  # fmt: skip
        held = len(shards.index_rows(place))
    note = (
        f"{held} clips of {len(paths) or 8} {'real' if paths else 'drawn'} films, {TOKENS} tokens a step at most: the loader "
        f"alone over {steps} steps, and {LEARNED} steps of `skyloom train model --data` from the shipped model (forward, "
        "backward, optimiser), with the share of a step that it waits for its batch, without and with the thread that reads "
        "ahead.\n\n"
    )
    columns = (
        "steps", "clips a second, loader", "tokens a second, loader", "tokens a second, trainer", "loader over trainer",
        "waits, reading in turn", "waits, reading ahead",
    )  # fmt: skip
    return note + report.table(columns, rows)


class Learned:
    """What `learning` saw."""

    def __init__(self) -> None:
        self.seconds, self.waited, self.batches = 0.0, 0.0, list[Any]()

    @property
    def share(self) -> float:
        return self.waited / self.seconds

    def tokens(self, ruler: Ruler) -> float:
        return sum(count for batch in self.batches for count in tokens_of(batch, ruler)) / self.seconds


def learning(bundle: Bundle, batch_of: Callable[[int], Any]) -> Learned:
    found, model = Learned(), bundle.dit.train()
    optimiser = optim.Optimisers(model, 1e-6, 0.0, muon=True)
    for step in range(LEARNED + 1):
        began = time.perf_counter()
        batch = batch_of(step)
        waited = time.perf_counter() - began
        lose = finetune.pack_loss if isinstance(batch, Pack) else finetune.step_loss
        lose(bundle, batch, step).backward()
        optimiser.step(1.0)
        if step:
            found.seconds += time.perf_counter() - began
            found.waited += waited
            found.batches.append(batch)
    return found


def fed(batch_of: Callable[[int], Any], ruler: Ruler, steps: int) -> tuple[float, int, int]:
    """Seconds, clips and tokens of the first steps."""
    began, clips, tokens = time.perf_counter(), 0, 0
    for step in range(steps):
        some = list(tokens_of(batch_of(step), ruler))
        clips, tokens = clips + len(some), tokens + sum(some)
    return time.perf_counter() - began, clips, tokens


def tokens_of(batch: Any, ruler: Ruler) -> Iterator[int]:
    """Of each clip of a batch or pack."""
    patch = ruler.patch[1] * ruler.patch[2]
    clips: Sequence[torch.Tensor] = batch.clips if isinstance(batch, Pack) else list(batch.z_BCTHW)
    return (int(np.prod(clip.shape[1:])) // patch for clip in clips)
