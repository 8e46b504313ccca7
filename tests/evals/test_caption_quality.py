"""The ablation of captions: diets differ in words alone, stated facts count, and the whole runs on a tiny model."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import skyloom
from skyloom.models.bundle import tiny_bundle
from skyloom.models.probe import ActorReading, Reading
from skyloom.worlds.scene import Actor, Scene

sys.path.insert(0, str(Path(skyloom.__file__).parent.parent / "benchmarks"))
import captions
import stills

SCENE = Scene((Actor("fox", colour="blue"),), place="beach", light="night", weather="rain", seed=5)


class Seeing:
    """Reads every picture as one of SCENE, but by day."""

    def read(self, frames, asked):
        actor = ActorReading("fox", (), 1, "blue", 1, {})
        return Reading((actor,), "beach", "day", "rain", "still", {}, (("fox", 0.9), ("dog", 0.1)))


def test_a_diet_is_a_share_of_dense_captions():
    rng = np.random.default_rng(0)
    told = {share: [captions.said(SCENE, rng, share) for _ in range(200)] for share in captions.DIETS.values()}
    sentences = {share: sum("." in text for text in texts) for share, texts in told.items()}
    assert sentences[0.0] == 0 and sentences[1.0] == 200 and 175 <= sentences[0.95] <= 198


@pytest.mark.parametrize("facts, wanted", [(captions.every_fact, [1, 1, 1, 0, 1]), (lambda scene: {"noun", "light"}, [1, 0])])
def test_stated_facts_are_held_against_the_picture(facts, wanted):
    *kinds, together = captions.judged(Seeing(), [SCENE], [np.zeros((1, 8, 8, 3), np.uint8)], facts)
    assert [cell.split(" ")[0] for cell in kinds if cell] == [str(100 * hit) for hit in wanted]
    assert together.startswith(f"{100 * sum(wanted) / len(wanted):.0f} ") and together.endswith(f", {len(wanted)})")


def test_short_prompts_are_judged_by_what_they_say():
    scenes = [dataclasses.replace(SCENE, seed=seed) for seed in range(40)]
    stated = [captions.short_facts(scene) for scene in scenes]
    assert all("noun" in kinds and "colour" in kinds for kinds in stated)
    assert 0 < sum("light" in kinds for kinds in stated) < 40


def test_models_learn_from_the_same_pictures_and_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(stills, "load_bundle", lambda model: tiny_bundle())
    monkeypatch.setattr(stills, "find_probe", lambda model, folder: Seeing())
    spent = ["--scenes", "3", "--steps", "2", "--batch", "2", "--n", "2", "--sampling", "2", "--width", "64", "--depth", "1"]
    monkeypatch.setattr(sys, "argv", ["captions.py", *spent, "--run", str(tmp_path / "run"), "--docs", str(tmp_path)])
    seen = []
    monkeypatch.setattr(stills, "bundle_loss", lambda *a, **k: (seen.append((a[1], a[2], a[5])), loss(*a, **k))[1])
    captions.main()
    first, second, third = (seen[i : i + 2] for i in (0, 2, 4))
    for a, b, c in zip(first, second, third, strict=True):
        assert torch.equal(a[0], b[0]) and torch.equal(a[1], c[1])  # latents and noise
        assert a[2] != b[2]
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.count("| short, expanded |") == 3 and page.count("| real frames |") == 1 and "## Captions: short or" in page
    assert (tmp_path / "img" / "captions.jpg").stat().st_size > 500
    captions.main()
    assert len(seen) == 6  # nothing is learned twice
    assert (tmp_path / "RESULTS.md").read_text() == page


loss = stills.bundle_loss
