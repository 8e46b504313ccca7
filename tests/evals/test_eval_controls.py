"""The measures of the controls, on clips whose answer is known and, from end to end, on a tiny model."""

import dataclasses
import json
import subprocess

import numpy as np
import pytest
import torch

from skyloom import evals
from skyloom.config import ProbeConfig
from skyloom.evals import controls, report
from skyloom.evals.clips import Bench
from skyloom.evals.control_rows import boards, case, edits, measures, minute, motion, permanence, words
from skyloom.evals.control_rows.case import Outcome, film, given, key_of
from skyloom.evals.controls import BOUNDS, ROWS, WANTED, commands, named_rows, summed
from skyloom.generate import QUALITY, Quality, Request
from skyloom.models.bundle import save_bundle, tiny_bundle
from skyloom.models.probe import Labels, Probe
from skyloom.worlds import scene as labels
from skyloom.worlds.nouns import core_nouns
from skyloom.worlds.scene import Actor, Scene
from skyloom.worlds.storybook import render

FILMED = [name for name in ROWS if not name.startswith(("minute", "ten", "expand"))]


@pytest.fixture(scope="module")
def probe():
    torch.manual_seed(0)
    nouns = tuple(noun.key for noun in core_nouns())
    known = Labels(nouns, labels.PLACES, labels.LIGHTS, labels.WEATHERS, labels.CAMERAS, labels.ACTIONS, ("", *labels.COLOURS))
    return Probe(ProbeConfig(width=16, size=64), known).eval()


@pytest.fixture
def bench(tmp_path, monkeypatch, probe):
    monkeypatch.setenv("SKYLOOM_CACHE", str(tmp_path / "cache"))
    for name in QUALITY:
        monkeypatch.setitem(QUALITY, name, Quality(1, 1.0))
    monkeypatch.setattr(case, "LENGTH", 13)
    monkeypatch.setattr(case, "ADDED", 4)
    monkeypatch.setattr(measures, "SEEN", 4)
    monkeypatch.setattr(edits, "STRENGTHS", (0.3, 0.75))
    monkeypatch.setattr(boards, "CARD", 12)
    return Bench("tiny", tiny_bundle(), probe, tmp_path / "out", n=1, size=(64, 64), weights="tiny")


def test_steps_see_a_cut():
    clip = np.repeat(np.arange(10, dtype=np.uint8)[:, None, None, None], 8, 1).repeat(8, 2).repeat(3, 3)
    assert measures.steps_of(clip).tolist() == [1.0] * 9 and measures.typical(clip) == 1
    clip[5:] += 100
    assert measures.largest_step(clip, clip) == 101 and measures.typical(clip) == 1
    assert measures.typical(clip[:1].repeat(4, 0)) == 0.5
    assert motion.around(clip[:5]) == 4 and len(motion.thrice(clip)) == 30


def test_falling_behind_the_tokenizer_is_counted_in_decibels():
    rng = np.random.default_rng(0)
    truth = rng.integers(40, 200, (3, 64, 64, 3)).astype(np.uint8)
    drawn, made = (truth + 10 * rng.choice((-1, 1), truth.shape) * k for k in (1, 2))
    assert measures.fallen(made.astype(np.uint8), truth, drawn.astype(np.uint8)) == pytest.approx(6.02, abs=0.1)
    assert measures.fallen(truth, truth, drawn.astype(np.uint8)) < 0


def test_borders_show_where_two_pictures_meet():
    clip = np.tile(np.arange(64, dtype=np.uint8)[:, None] * 2, (2, 32, 1, 3))
    assert edits.border(clip, 32) == pytest.approx(1)
    clip[:, :, 32:] += 40
    assert edits.border(clip, 32) > 5


def runner(action="run", noun="fox", **changes):
    """A fox that crosses a meadow."""
    actor = Actor(noun, (action,), depth=0.6, **changes)
    return Scene((actor,), "meadow", seconds=41 / 12, seed=5)


@pytest.mark.parametrize("backward", [False, True])
def test_a_velocity_that_breaks_at_the_seam_is_seen(backward):
    scene, seam = runner("fly", "heart"), 16 if backward else 25
    clip = render(scene, 128, 128, 41, 12)
    assert measures.velocity_error(clip, scene, seam, backward) < 0.1
    stopped = clip.copy()
    if backward:
        stopped[:seam] = clip[seam]
    else:
        stopped[seam:] = clip[seam - 1]
    assert measures.velocity_error(stopped, scene, seam, backward) > 0.8
    blank = clip.copy()
    blank[slice(None, seam) if backward else slice(seam, None)] = 0
    assert measures.velocity_error(blank, scene, seam, backward) == measures.LOST


def test_a_mask_holds_the_actor_and_another_takes_its_place(monkeypatch):
    scene = runner("stand")
    left, top, width, height = edits.box_of(scene, (128, 192))
    _, cover = render(scene, 128, 192, 13, 12, masks=True)
    rows, cols = np.nonzero(cover.max(0) > 128)
    assert left <= cols.min() and cols.max() < left + width and top <= rows.min() and rows.max() < top + height
    assert width * height < 0.5 * 128 * 192
    monkeypatch.setattr(edits, "LARGEST_BOX", 0.01)
    assert edits.box_of(scene, (128, 192)) is None
    other = edits.recast(scene, 3)
    assert other.actors[0].noun != "fox" and other.place == "meadow" and other.actors[0].actions == ("stand",)


def test_who_is_to_be_hidden_is_hidden():
    found = [scene for i in range(6) if (scene := permanence.hiding(scene_of_stream(i))) is not None]
    assert found
    for scene in found:
        whole = permanence.seen(dataclasses.replace(scene, props=()))
        share = permanence.seen(scene) / whole
        assert share[:10].min() > 0.7 and share.min() < 0.5 and share[-permanence.AFTER :].min() > 0.7
    assert not permanence.passes(np.ones(57), np.full(57, 100.0))


def test_who_goes_out_of_view_comes_back_the_other_way():
    found = [scene for i in range(12) if (scene := permanence.crossing(scene_of_stream(i))) is not None]
    assert len(found) >= 3
    for scene in found:
        back = permanence.turned(scene)
        assert {permanence.way(scene).split()[-1], permanence.way(back).split()[-1]} == {"left", "right"}
        assert back.actors[0].noun == scene.actors[0].noun and permanence.turned(back) == scene


def scene_of_stream(i):
    return case.scenes("val", 41, 1, 0, i, max_actors=1)[0]


def test_a_character_has_one_description_on_three_cards():
    scene = boards.able(runner("walk", colour="orange", size="big"))
    assert boards.description(scene) == "an orange fox" and boards.able(runner("chase")) is None
    first, second, third = boards.cards(scene, 1)
    assert first.place == second.place != third.place and first.light != second.light
    assert boards.sentence(first) == "Rusty walks in a meadow in daylight"


def test_short_prompts_state_what_is_judged():
    scene = runner("walk")
    assert "fox" in words.short_prompt(scene, 0, "en") and "狐" in words.short_prompt(scene, 1, "zh")


def test_rows_say_how_many_are_as_wanted():
    row = summed("loop", motion.LOOP_SEAM, [1.0, 1.1, 5.0], [1.0])
    assert row["median"] == 1.1 and row["share"] == pytest.approx(2 / 3) and row["bound"] == "<= 1.2" and row["real"] == 1
    claim = summed("image", "noun", [1.0, 0.0])
    assert claim["median"] is None and claim["share"] == 0.5 and claim["wanted"] == 0.92 and claim["real"] is None
    assert summed("minute", "memory, GB", [0.5])["share"] is None


def test_names_of_rows():
    assert named_rows(["extend", "image"]) == ["extend forward", "extend backward", "extend velocity", "image"]
    assert named_rows([]) == list(ROWS) and named_rows(["edit mild"]) == ["edit mild"]
    assert all(named_rows([name]) == [name] for name in ROWS)  # no row hides others
    with pytest.raises(ValueError, match="row 'extnd': wanted some of image"):
        named_rows(["extnd"])
    with pytest.raises(ValueError, match="are those of the controls"):
        evals.main(["speed"], rows=["image"])
    assert commands({"asked": dict.fromkeys(ROWS, 8)}) == [(8, [])]
    assert commands({"asked": {"image": 16, "loop": 8}}) == [(16, ["image"]), (8, ["loop"])]
    assert evals.command_of("controls", "storybook", 8, 0, ["image"]) == "skyloom eval controls --n 8 --rows 'image'"


@pytest.mark.parametrize("name", FILMED)
def test_every_row_is_measured(bench, name):
    outcome = ROWS[name].run(bench, 0)
    assert outcome.shown and all(clip.dtype == np.uint8 and clip.ndim == 4 for clip in outcome.shown)
    values = {k: np.ravel(v) for k, v in outcome.measures.items()}
    assert values and all(len(v) and np.isfinite(v).all() for v in values.values())
    assert set(outcome.real) <= set(values)
    for measure in values:
        claim = set(values[measure].tolist()) <= {0.0, 1.0}
        assert measure in BOUNDS or claim or measure.startswith(("changed", "border"))
    assert {measure for row, measure in WANTED if row == name} <= set(values)
    for measure in (motion.GIVEN, edits.OUTSIDE):
        assert outcome.measures.get(measure, 0) <= 1.0 or name == "animate"


def test_without_a_probe_only_pictures_are_compared(bench):
    outcome = ROWS["extend forward"].run(dataclasses.replace(bench, reader=None), 0)
    assert set(outcome.measures) == {motion.GIVEN, motion.SEAM} and set(outcome.real) == {motion.SEAM}


def test_films_are_kept_under_all_that_they_depend_on(bench, monkeypatch):
    path = given(bench, 0).path
    base = Request("a fox", clip=path, strength=0.5, seconds=1)
    others = [
        dataclasses.replace(base, **change)
        for change in ({"prompt": "a cat"}, {"strength": 0.6}, {"steps": 3}, {"guidance": 4.0}, {"seconds": 0.5}, {"seed": 1})
    ]
    assert len({key_of(request) for request in (base, *others)}) == 7
    before = key_of(base)
    monkeypatch.setattr(case, "LENGTH", 9)
    shorter = given(bench, 0).path
    assert shorter != path and len(given(bench, 0).frames) == 9
    assert key_of(dataclasses.replace(base, clip=shorter)) != before == key_of(base)
    first = film(bench, "edit", 0, prompt="a fox", clip=path, strength=0.5)
    monkeypatch.setattr(case, "generate", lambda *_: pytest.fail("filmed again"))
    assert np.array_equal(film(bench, "edit", 0, prompt="a fox", clip=path, strength=0.5), first)


def test_a_killed_evaluation_goes_on_and_rows_stay(bench, tmp_path, monkeypatch):
    seen = []

    def row(bench, i):
        seen.append(i)
        return Outcome({"noun": 1.0}, {"noun": 1.0}, (np.zeros((3, 8, 8, 3), np.uint8),))

    monkeypatch.setitem(ROWS, "image", controls.Row(row))
    bench = dataclasses.replace(bench, n=2)
    controls.main(bench, ["image"], tmp_path / "img")
    assert seen == [0, 1] and (tmp_path / "img" / "control-image.jpg").is_file()
    bench = dataclasses.replace(bench, n=5)
    controls.main(bench, ["image"], tmp_path / "img")
    assert seen == [0, 1, 0, 1, 2, 3, 4]  # the sheet shows three cases: they are looked at again, their films are kept
    result = controls.main(bench, ["image"], tmp_path / "img")
    assert len(seen) == 7 and result["asked"] == {"image": 5}
    [summary] = result["rows"]
    assert summary["n"] == 5 and summary["share"] == 1
    assert "| image | noun |  |  | 100 % | 92 % | 100 % | 5 |" in controls.tables(result)
    [kept] = (bench.out / "controls" / "tiny").glob("image-*.json")
    assert len(json.loads(kept.read_text())["cases"]) == 5


def test_sheets_are_shown_on_the_page(tmp_path):
    page = tmp_path / "controls.md"
    page.write_text("# Controls\n")
    controls.gallery(tmp_path, "abc")
    assert page.read_text() == "# Controls\n"  # nothing has been drawn
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "control-extend-forward.jpg").write_bytes(b"")
    for _ in range(2):
        controls.gallery(tmp_path, "abc")
        assert page.read_text().count("![extend forward](img/control-extend-forward.jpg)") == 1
    assert "![image]" not in page.read_text() and "weights abc" in page.read_text()


def test_every_fact_is_kept_in_both_languages(bench):
    found = [words.facts_kept(bench, i).measures for i in range(8)]
    assert found[0] == {"every fact kept, en": 1.0} and found[1] == {"every fact kept, zh": 1.0}
    gain = words.gain(bench, 0)
    assert set(gain.measures) == {"stated facts, short prompt", "stated facts, expanded"}
    assert not np.array_equal(*gain.shown)


def ran(code, stderr=""):
    """A stand-in for the process of its own: what it is told is done here."""

    def run(command, **_):
        if not code:
            exec(command[2], {})
        return subprocess.CompletedProcess(command, code, "", stderr)

    return run


def watched(bench, folder, seconds):
    save_bundle(bench.bundle, folder)
    return minute.long_film(dataclasses.replace(bench, model=str(folder)), 0, seconds)


def test_a_long_film_is_watched_while_it_is_made(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(minute.subprocess, "run", ran(0))
    monkeypatch.setattr(minute, "REFERENCE", 3)
    outcome = watched(bench, tmp_path / "tiny", 11.0)
    told = outcome.measures
    assert told[minute.SPEED] > 0 and -0.5 < told[minute.GROWTH] < 0.5 and told["memory, GB"] > 0.05
    assert told[minute.ENERGY] > 0 and told[minute.DRIFT] > 0
    assert outcome.shown[0].shape == (3, 64, 64, 3)  # two segments of five seconds, and one
    monkeypatch.setattr(minute.subprocess, "run", ran(1))
    assert watched(bench, tmp_path / "tiny", 11.0).measures == told  # kept


@pytest.mark.full
def test_a_long_film_has_a_process_of_its_own(bench, tmp_path, monkeypatch):
    monkeypatch.setattr(minute, "REFERENCE", 3)
    told = watched(bench, tmp_path / "tiny", 20.0).measures
    assert told[minute.GROWTH] < 0.2 and told[minute.SPEED] > 0


def test_a_long_film_that_fails_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(minute.subprocess, "run", ran(1, "Traceback\nFileNotFoundError: nowhere\n"))
    with pytest.raises(RuntimeError, match="a film of 6 s: FileNotFoundError: nowhere"):
        minute.record(Request("a fox", 6, "64x64", model="nowhere"), tmp_path / "m")


def test_the_evaluation_has_its_place():
    assert "controls" in evals.NAMES and "controls" in evals.UNREAD and report.TITLES["controls"]
    assert {row for row, _ in WANTED} <= set(ROWS)
