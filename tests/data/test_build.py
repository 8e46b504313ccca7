"""Footage in, shards out: cuts and scores with known truth, reruns that do nothing, kills that cost nothing."""

import json
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import footage_files as made
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import skyloom
from skyloom.base import footage
from skyloom.base.checkpoint import load_weights
from skyloom.cli import run
from skyloom.config import from_json
from skyloom.data import build, shards
from skyloom.data.catalog import Catalog
from skyloom.data.encode import encode_clip
from skyloom.data.project import Projection, latents
from skyloom.evals.composites import composite
from skyloom.models.shipped import find_model
from skyloom.models.vae import VAE

ROOT = Path(skyloom.__file__).parent.parent
LENGTHS = "shots.min_seconds=0.4"


@pytest.fixture(scope="module")
def footage_folder(tmp_path_factory):
    """Three films: two scenes joined by a cut, one with text burned in, and a re-encoded copy of a scene of the first."""
    folder = tmp_path_factory.mktemp("footage")
    one, other = made.film(1, 24), made.film(2, 24)
    footage.compress(folder / "cut.mp4", np.concatenate([one, other]), 24)
    footage.compress(folder / "copy.mp4", one[:, 4:-4, 8:-8], 24, crf=30)
    footage.compress(folder / "still.mp4", np.repeat(made.film(3, 1), 24, 0), 24)
    (folder / "broken.mp4").write_bytes(b"no film")
    (folder / "cut.json").write_text('{"caption": "things pass over a painted ground", "licence": "CC0"}')
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return made.tiny_model(tmp_path_factory)


@pytest.fixture(scope="module")
def dataset(footage_folder, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "set"
    assert (
        run(["data", "build", str(footage_folder), LENGTHS, "-o", str(folder), "--model", str(model), "--processes", "1"]) == 0
    )
    return folder


def state_of(folder):
    """Everything that a data set holds, as bytes."""
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
    with Catalog(folder) as catalog:
        rows = catalog.db.execute("SELECT * FROM rows ORDER BY stage, key").fetchall()
        pictures = catalog.db.execute("SELECT * FROM pictures ORDER BY key, number").fetchall()
    return {name: data for name, data in files.items() if "sqlite" not in name}, rows, pictures


def test_show_tells_every_file_and_shot(dataset, capsys):
    assert run(["data", "show", str(dataset), "--json", "--check"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert {file["name"]: bool(file["dropped"]) for file in facts["files"]} == {
        "broken.mp4": True, "copy.mp4": False, "cut.mp4": False, "still.mp4": False
    }  # fmt: skip
    spans = {(shot["file"], shot["start"], shot["end"]): shot for shot in facts["shots"]}
    assert set(spans) == {("cut.mp4", 0, 24), ("cut.mp4", 24, 48), ("copy.mp4", 0, 24), ("still.mp4", 0, 24)}
    assert spans["cut.mp4", 0, 24]["dropped"] == spans["cut.mp4", 24, 48]["dropped"] == []
    assert any(reason.startswith("copy: ") for reason in spans["copy.mp4", 0, 24]["dropped"])
    assert any(reason.startswith("static: ") for reason in spans["still.mp4", 0, 24]["dropped"])
    assert spans["cut.mp4", 0, 24]["captions"][0]["text"] == "things pass over a painted ground"
    assert run(["data", "show", str(dataset)]) == 0
    assert "shots kept" in capsys.readouterr().out


def test_shards_hold_what_the_index_says(dataset, model):
    rows = shards.index_rows(dataset)
    assert len(rows) == 2 and {row["licence"] for row in rows} == {"CC0"}
    assert len({row["split"] for row in rows}) == 1  # of one source
    for row in rows:
        z, record = shards.read_clip(dataset, row)
        assert z.dtype == np.int8 and z.shape == (4, 1 + (row["frames"] - 1) // 4, row["height"] // 16, row["width"] // 16)
        assert (row["height"], row["width"], row["frames"]) == (96, 160, 9)
        assert record["captions"][0]["source"] == "sidecar"
        with tarfile.open(dataset / "shards" / row["shard"]) as tar:
            assert {f"{row['key']}.z.npy", f"{row['key']}.json"} <= set(tar.getnames())
    assert len(list(shards.samples(dataset, rows[0]["split"]))) == 2
    assert pq.read_metadata(dataset / "index.parquet").num_rows == 2


def test_a_rerun_changes_nothing(dataset, footage_folder, model):
    before = state_of(dataset)
    assert run(["data", "build", str(footage_folder), "-o", str(dataset), "--model", str(model), "--processes", "2"]) == 0
    assert state_of(dataset) == before


def test_the_report_needs_no_other_file(dataset):
    page = (dataset / "report.html").read_text()
    assert "data:image/jpeg;base64," in page and "broken.mp4" in page and "static" in page and "CC0" in page
    assert 'src="http' not in page and "<script" not in page


def test_bounds_change_without_a_decode(dataset, tmp_path, monkeypatch):
    with Catalog(dataset) as catalog:
        films = list(catalog.rows("film"))
    copy = tmp_path / "set"
    copy.mkdir()
    (copy / "catalog.sqlite").write_bytes((dataset / "catalog.sqlite").read_bytes())
    monkeypatch.setattr(build, "analyse", None)
    assert run(["data", "score", "score.least_drift=0", "score.most_frozen=9", "-o", str(copy)]) == 0
    with Catalog(copy) as catalog:
        assert list(catalog.rows("film")) == films
        assert not [row for _, row in catalog.rows("shot") if row["file"] == "still.mp4" and row["dropped"]]
    assert run(["data", "score", "-o", str(copy)]) == 0  # the set remembers
    with Catalog(copy) as catalog:
        assert not [row for _, row in catalog.rows("shot") if row["file"] == "still.mp4" and row["dropped"]]


def test_a_killed_build_completes_to_the_same_bytes(dataset, footage_folder, model, tmp_path):
    words = [
        "data",
        "build",
        str(footage_folder),
        LENGTHS,
        "-o",
        str(tmp_path / "set"),
        "--model",
        str(model),
        "--processes",
        "1",
    ]
    for seconds in (2.0, 4.0, 7.0):
        process = subprocess.Popen(
            [sys.executable, "-m", "skyloom", *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run(words) == 0
    files, rows, pictures = state_of(tmp_path / "set")
    wanted_files, wanted_rows, wanted_pictures = state_of(dataset)
    assert rows == wanted_rows and pictures == wanted_pictures
    assert set(files) == set(wanted_files)
    assert {n: d for n, d in files.items() if n != "report.html"} == {
        n: d for n, d in wanted_files.items() if n != "report.html"
    }


@pytest.mark.full
def test_kills_at_random_moments_leave_the_same_bytes_and_no_orphans(dataset, footage_folder, model, tmp_path):
    """Three sets, each killed at four moments anywhere between the first import and the last shard, then finished."""
    rng = np.random.default_rng(7)
    wanted_files, wanted_rows, wanted_pictures = state_of(dataset)
    whole = 0.0
    for number in range(3):
        home = tmp_path / f"{number}" / "set"
        words = ["data", "build", str(footage_folder), LENGTHS, "-o", str(home), "--model", str(model), "--processes", "2"]
        command = [sys.executable, "-m", "skyloom", *words]
        if not whole:
            began = time.monotonic()
            subprocess.run([*command[:-5], str(tmp_path / "timed"), *command[-4:]], cwd=ROOT, check=True, capture_output=True)
            whole = time.monotonic() - began
        for _ in range(4):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(whole * rng.uniform(0.15, 0.95))
            process.kill()
            process.wait()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        files, rows, pictures = state_of(home)
        assert rows == wanted_rows and pictures == wanted_pictures
        assert files == {**wanted_files, "report.html": files["report.html"]}


@pytest.mark.parametrize(
    "words",
    [["data", "show", "nowhere"], ["data", "ingest", "nowhere", "-o", "x"], ["data", "score", "score.least", "-o", "x"]],
)
def test_mistakes_are_one_line(words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_cuts_of_composites_are_found_to_the_frame(tmp_path):
    found = wanted = 0
    for seed in range(3):
        film = composite(seed, size=(90, 160), scenes=3, defects=())
        footage.compress(tmp_path / f"{seed}.mp4", film.frames, 24, crf=film.crf)
        result = build.analyse(tmp_path / f"{seed}.mp4", tmp_path, False, build.ShotConfig(), ())
        assert result["frames"] == len(film.frames)
        cuts = {start for kind, start, _ in result["joins"] if kind == "cut"}
        true = {join.start for join in film.joins if join.kind == "cut"}
        assert cuts == true
        for join in film.joins:
            wanted += 1
            found += any(start <= join.end + 1 and end >= join.start - 1 for _, start, end in result["joins"])
        assert len(result["joins"]) == len(film.joins)
    assert found == wanted


def test_a_film_that_breaks_off_gives_its_shots_and_says_so(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    path = made.write(tmp_path / "in" / "a.mkv", made.film(5, 60), options={"g": "10"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    words = ["data", "build", str(tmp_path / "in"), LENGTHS, "-o", str(tmp_path / "set"), "--no-encode", "--processes", "1"]
    assert run(words) == 0
    capsys.readouterr()
    assert run(["data", "show", str(tmp_path / "set"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    [file], [shot] = facts["files"], facts["shots"]
    assert 10 < file["decoded"] < 60 and shot["end"] == file["decoded"] and file["joins"] == []
    assert file["broken"].startswith(("ends early: ", "breaks off"))


@pytest.mark.parametrize("shape", [(1, 16, 16), (5, 32, 64), (37, 64, 48)])
def test_latents_come_out_as_the_tokenizer_makes_them(shape, model):
    """The product in one step against models/vae, on a transform that is not a plain one; rounding may differ by a step."""
    vae = VAE(from_json((model / "config.json").read_text()).vae).eval()
    load_weights(vae, model / "vae.safetensors")
    rng = torch.Generator().manual_seed(1)
    vae.basis.copy_(torch.linalg.qr(torch.randn(vae.basis.shape, generator=rng))[0])
    vae.centre.normal_(std=0.2, generator=rng)
    vae.gain_C.uniform_(0.3, 2, generator=rng)
    vae.scale.fill_(0.7)
    frames = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    apart = np.abs(latents(Projection.of(vae), frames).astype(int) - encode_clip(vae, frames))
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3


def test_latents_of_the_shipped_tokenizer_are_off_by_less_than_a_step():
    """Its basis is smooth, and what lies in few directions is projected in few."""
    model = find_model("storybook")
    vae = VAE(from_json((model / "config.json").read_text()).vae).eval()
    load_weights(vae, model / "vae.safetensors")
    projection = Projection.of(vae)
    assert max(len(projection.rows.block), len(projection.columns.block)) < 2 * 12
    frames = made.film(1, 21)
    frames = frames[:, : frames.shape[1] // 16 * 16, : frames.shape[2] // 16 * 16]
    apart = latents(projection, frames).astype(int) - encode_clip(vae, frames)
    assert np.sqrt(np.square(apart).mean()) < 0.3 and np.abs(apart).max() <= 6
