"""The measures of the controls, on clips whose answer is known and, from end to end, on a tiny model."""

import numpy as np
import pytest

from skyloom import evals
from skyloom.evals import controls, report
from skyloom.evals.clips import Bench
from skyloom.evals.controls import BOUNDS, CONTROLS, fallen, steps_of, summed, typical
from skyloom.generate import QUALITY, Quality
from skyloom.models.bundle import tiny_bundle


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path / "cache"))
    for name in QUALITY:
        monkeypatch.setitem(QUALITY, name, Quality(1, 3.0))
    return Bench("tiny", tiny_bundle(), None, tmp_path / "out", n=1, size=(64, 64), weights="tiny")


def test_steps_see_a_cut():
    clip = np.repeat(np.arange(10, dtype=np.uint8)[:, None, None, None], 8, 1).repeat(8, 2).repeat(3, 3)
    assert steps_of(clip).tolist() == [1.0] * 9 and typical(clip) == 1
    clip[5:] += 100
    assert steps_of(clip).max() == 101 and typical(clip) == 1
    assert typical(clip[:1].repeat(4, 0)) == 0.5


def test_falling_behind_the_tokenizer_is_counted_in_decibels():
    rng = np.random.default_rng(0)
    truth = rng.integers(40, 200, (3, 64, 64, 3)).astype(np.uint8)
    drawn, film = (truth + 10 * rng.choice((-1, 1), truth.shape) * k for k in (1, 2))
    assert fallen(film.astype(np.uint8), truth, drawn.astype(np.uint8)) == pytest.approx(6.02, abs=0.1)
    assert fallen(truth, truth, drawn.astype(np.uint8)) < 0


def test_rows_say_how_many_are_as_wanted():
    row = summed("loop", "loop seam over median", [1.0, 1.1, 5.0])
    assert row["median"] == 1.1 and row["share"] == pytest.approx(2 / 3) and row["wanted"] == "<= 1.2"


def test_every_control_is_measured(bench, monkeypatch):
    monkeypatch.setattr(controls, "LENGTH", 13)
    monkeypatch.setattr(controls, "ADDED", 4)
    result = controls.main(bench, minute=0, prompts=4)
    assert {row["control"] for row in result["rows"]} == {*CONTROLS, "expand, en", "expand, zh"}
    assert all(np.isfinite(row["median"]) and row["measure"] in BOUNDS for row in result["rows"])
    by_name = {(row["control"], row["measure"]): row for row in result["rows"]}
    for control in ("extend forward", "extend backward"):
        assert by_name[control, "given part, dB under the tokenizer"]["share"] == 1
    assert by_name["inpaint", "outside the mask, dB under the tokenizer"]["share"] == 1
    assert by_name["expand, zh", "facts kept"]["share"] == 1
    assert "| loop | loop seam over median |" in controls.tables(result)


def test_a_long_film_is_watched_while_it_is_made(bench):
    told = controls.long_film(bench, 6.0)
    assert told["film_per_second"] > 0 and told["motion_first"] > 0 and told["motion_last"] > 0
    assert -0.01 <= told["growth"] < 0.5
    assert "A film of 6 s" in controls.tables({"rows": [], "minute": told})


def test_the_evaluation_has_its_place():
    assert "controls" in evals.NAMES and "controls" in evals.UNREAD and report.TITLES["controls"]
