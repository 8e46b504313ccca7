"""Evaluations run from end to end on a tiny model, keep their clips, and go on where they were."""

import numpy as np
import pytest
import torch
from PIL import Image

from skyloom import evals
from skyloom.config import ProbeConfig
from skyloom.evals import adherence, clips, sheets, speed, tokenizer
from skyloom.evals.clips import Bench, shrunk
from skyloom.models.bundle import tiny_bundle
from skyloom.models.probe import Labels, Probe
from skyloom.worlds import scene as words
from skyloom.worlds.nouns import core_nouns


@pytest.fixture
def bench(tmp_path, monkeypatch) -> Bench:
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    nouns = tuple(noun.key for noun in core_nouns())
    labels = Labels(nouns, words.PLACES, words.LIGHTS, words.WEATHERS, words.CAMERAS, words.ACTIONS, ("", *words.COLOURS))
    probe = Probe(ProbeConfig(width=16, size=64), labels).eval()
    return Bench("tiny", tiny_bundle(), probe, tmp_path / "out", n=2, size=(64, 64), weights="tiny")


def test_adherence_gives_a_row_for_each_case(bench):
    cases = (adherence.Case("real", "real"), adherence.Case("rebuilt", "reconstructed"), adherence.Case("film", quality="fast"))
    result = adherence.main(bench, cases)
    assert [row["name"] for row in result["rows"]] == ["real", "rebuilt", "film"]
    for row in result["rows"]:
        assert row["scores"]["place"]["trials"] == 2
    assert "| film |" in adherence.tables(result)


def test_a_film_is_made_once(bench, monkeypatch):
    first = bench.generated("a red fox runs", 5, 0, "fast")
    monkeypatch.setattr(clips, "generate", lambda *_: pytest.fail("made again"))
    assert np.array_equal(bench.generated("a red fox runs", 5, 0, "fast"), first)
    kept = next((bench.out / "clips" / "tiny").glob("*.npz"))
    kept.write_bytes(kept.read_bytes()[:100])  # as a full disk would leave it
    monkeypatch.undo()
    assert np.array_equal(bench.generated("a red fox runs", 5, 0, "fast"), first)


def test_the_tokenizer_is_measured(bench):
    row = tokenizer.measure(bench, bench.bundle.config.model.buckets[0])
    assert 0 < row["psnr"] < 60 and -1 <= row["ssim"] <= 1 and row["before"]["trials"] == 2
    same = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    assert tokenizer.psnr(same, same) == 100 and tokenizer.ssim(same, same) == pytest.approx(1, abs=1e-4)


def test_a_sheet_is_drawn(bench, tmp_path):
    result = sheets.main(bench, tmp_path / "img", {"fox": "a red fox runs, the camera shakes"}, seeds=2)
    with Image.open(tmp_path / "img" / "films.webp") as moving:
        assert 1 < moving.n_frames <= sheets.FRAMES  # pictures that are alike are one in the file
    assert (tmp_path / "img" / "sheet-fox.jpg").stat().st_size > 500 and "img/sheet-fox.jpg" in sheets.tables(result)


def test_shrinking_leaves_small_clips_alone():
    assert shrunk(np.zeros((2, 256, 448, 3), np.uint8)).shape == (2, 128, 224, 3)
    assert shrunk(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 64, 64, 3)


def test_unknown_names_and_models_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'fidelity'"):
        evals.main(["fidelty"])
    with pytest.raises(FileNotFoundError):
        evals.main(["speed"], model="nowhere")


def test_how_fast_the_world_draws_is_told_from_a_process_of_its_own(monkeypatch):
    assert float(speed.told("world()")) > 1
    row = {"quality": "fast", "size": "square", "frames": 49, "cold_seconds": 5.0, "warm_seconds": 2.0}
    row |= {"film_per_second": 2.04, "peak_bytes": 8e8}
    text = speed.tables({"rows": [row], "clips_per_second": 47.3})
    assert "| fast | 49 frames, square | 5.0 s | 2.0 s | 2.04 | 0.80 GB |" in text
    assert "draws 47 clips of 17 frames of 128x128" in text
    with pytest.raises(RuntimeError, match=r"speed: the process failed: .*nothing"):
        speed.told("nothing()")
