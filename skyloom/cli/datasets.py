"""Data sets of your own footage: take it in, cut it, judge it, put it in words, encode it, look at it."""

import contextlib
import json as jsons
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from .root import Flag, app, pairs

if TYPE_CHECKING:
    from ..data.catalog import Catalog
    from ..data.settings import DataConfig

data = App(
    name="data", help="Footage of your own -> labelled, trainable shards. Run a verb again to go on; nothing is deleted."
)
app.command(data)

DataSetting = Annotated[str, Parameter(help="Changes to the settings, each as path=value: score.most_blur=0.8 ...")]
Dataset = Annotated[str, Parameter(name=["--out", "-o"], help="The data set's folder, or a URL: s3://bucket/set ...")]
Processes = Annotated[int | None, Parameter(help="How many work at once [one a core].")]
Executor = Annotated[str, Parameter(help="Where: local, ray (this machine as a cluster), or ray://HOST:PORT.")]
Model = Annotated[str, Parameter(help="Whose tokenizer: a shipped model's name, or a folder with weights.")]


@data.command(name="build")
def data_build(
    folder: str,
    /,
    *settings: DataSetting,
    out: Dataset,
    model: Model = "storybook",
    processes: Processes = None,
    executor: Executor = "local",
    encode: bool = True,
) -> None:
    """Every stage: ingest, shots, score, caption, encode, report.

    Parameters
    ----------
    folder:
        Where the footage lies, in any depth; a URL (s3://bucket/films) is fetched first.
    encode:
        Whether to make latents and shards too.
    """
    from ..data import workers

    workers.prepare("skyloom.data.build", *(("skyloom.data.encode", "skyloom.models.vae") if encode else ()))
    from ..data import build, caption, report, shards
    from ..models.shipped import find_model

    weights, home = find_model(model) if encode else None, _footage(folder, executor)
    with _writing(out, executor=executor) as catalog:
        config = _config(catalog, settings)
        build.build(catalog, home, config, processes=_cores(processes))
        caption.caption(catalog, config, processes=_cores(processes))
        if weights:
            shards.encode(catalog, weights, config, processes=_cores(processes))
        print(report.write_report(catalog))


@data.command(name="ingest")
def data_ingest(
    folder: str, /, *settings: DataSetting, out: Dataset, processes: Processes = None, executor: Executor = "local"
) -> None:
    """Stage 1: a row for every file - what it is, whose it is, or why it cannot be used.

    Parameters
    ----------
    folder:
        Where the footage lies, in any depth; a URL (s3://bucket/films) is fetched first.
    """
    from ..data import ingest

    home = _footage(folder, executor)
    with _writing(out, executor=executor) as catalog:
        config = _config(catalog, settings)
        print(f"{ingest.ingest(catalog, home, config.ingest, processes=_cores(processes))} files read")


@data.command(name="shots")
def data_shots(*settings: DataSetting, out: Dataset, processes: Processes = None, executor: Executor = "local") -> None:
    """Stage 2: decode each film once, find its cuts, fades and dissolves, and measure every shot."""
    from ..data import build

    with _writing(out, executor=executor) as catalog:
        config = _config(catalog, settings)
        print(f"{build.measure(catalog, config, processes=_cores(processes))} films measured")
        build.judge(catalog, config)


@data.command(name="score")
def data_score(*settings: DataSetting, out: Dataset) -> None:
    """Stage 3: keep or drop each shot by the bounds, and find copies. Decodes nothing: change a bound and run it again."""
    from ..data import build

    with _writing(out) as catalog:
        config = _config(catalog, settings)
        build.judge(catalog, config)
        counts = build.funnel(catalog)
        print(f"{counts['shots kept']} of {counts['shots']} shots kept")


@data.command(name="caption")
def data_caption(*settings: DataSetting, out: Dataset, processes: Processes = None, executor: Executor = "local") -> None:
    """Stage 4: words for the kept shots, from beside the files, from a probe, or from an OpenAI-compatible endpoint."""
    from ..data import caption

    with _writing(out, executor=executor) as catalog:
        config = _config(catalog, settings)
        caption.caption(catalog, config, processes=_cores(processes))


@data.command(name="encode")
def data_encode(
    *settings: DataSetting,
    out: Dataset,
    model: Model = "storybook",
    processes: Processes = None,
    executor: Executor = "local",
) -> None:
    """Stage 5: latents of the kept shots at their own shape and length, in tar shards with a Parquet index."""
    from ..data import shards
    from ..models.shipped import find_model

    weights = find_model(model)
    with _writing(out, executor=executor) as catalog:
        config = _config(catalog, settings)
        print(f"{shards.encode(catalog, weights, config, processes=_cores(processes))} shards written")


@data.command(name="report")
def data_report(*, out: Dataset) -> None:
    """Stage 6: one HTML page with the way of the footage, measures, pictures, reasons, captions, copies and licences."""
    from ..data import report

    with _writing(out, new=False) as catalog:
        print(report.write_report(catalog))


@data.command(name="show")
def data_show(dataset: str, /, *, json: Flag = False, check: Flag = False) -> None:
    """What a data set holds.

    Parameters
    ----------
    dataset:
        Its folder or URL.
    json:
        Every file and shot, with start and end frame, scores, captions, and the reasons where dropped.
    check:
        Read every shard and compare it with what was written.
    """
    from ..data import report, shards, storage
    from ..data.catalog import Catalog

    with storage.opened(dataset) as folder, Catalog(folder) as catalog:
        wrong = shards.check(catalog) if check else []
        print(jsons.dumps(report.facts(catalog), ensure_ascii=True, indent=1) if json else report.summary(catalog))
    if wrong:
        raise RuntimeError(f"{dataset}: {'; '.join(wrong)}. Run skyloom data encode -o {dataset}.")


@contextlib.contextmanager
def _writing(out: str, *, new: bool = True, executor: str = "local") -> "Iterator[Catalog]":
    """The catalogue of a data set, this process's alone, while work is done where `executor` says; one under a URL is sent back
    afterwards."""
    from ..base.files import sweep
    from ..data import storage, workers
    from ..data.catalog import Catalog

    with storage.opened(out, write=True) as folder, Catalog(folder, write=new) as catalog, workers.on(executor):
        sweep(folder)
        sweep(folder / "shards")
        yield catalog


def _footage(folder: str, executor: str = "local") -> Path:
    from ..data import storage

    if not storage.is_url(folder):
        return Path(folder)
    if executor != "local":
        raise ValueError(f"executor {executor!r}: its nodes do not see the copy of {folder}. Wanted a folder that they share.")
    return storage.footage(folder)


def _config(catalog: "Catalog", settings: tuple[str, ...]) -> "DataConfig":
    """The settings that the data set was begun with, with these changes, which it remembers from now on."""
    from ..config import override
    from ..data.settings import DataConfig

    changes = (catalog.get("meta", "settings") or {}) | pairs(settings, "score.most_blur=0.8")
    config = DataConfig()
    for path, value in changes.items():
        config = override(config, path, value)
    catalog.put("meta", "settings", "", changes)
    return config


def _cores(processes: int | None) -> int:
    return max(1, processes or os.cpu_count() or 1)
