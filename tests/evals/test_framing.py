"""The crop ablation: who is cut off is counted rightly, and the whole runs on a tiny model."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import skyloom
from skyloom.config import ProbeConfig
from skyloom.models.bundle import tiny_bundle
from skyloom.models.probe import Labels, Probe
from skyloom.worlds import scene as words
from skyloom.worlds.nouns import core_nouns
from skyloom.worlds.scene import Actor, Scene

sys.path.insert(0, str(Path(skyloom.__file__).parent.parent / "benchmarks"))
import framing
import stills


def test_the_world_knows_who_is_cut_off(monkeypatch):
    monkeypatch.setattr(framing, "HEIGHT", 64)
    monkeypatch.setattr(framing, "WIDTH", 128)
    middle = Scene((Actor("fox", size="small"),), seed=1)
    aside = dataclasses.replace(middle, actors=(Actor("fox", x=0.5, size="small"),))
    crop, native = framing.DIETS
    assert framing.draw(middle, crop)[0].shape == (1, 64, 64, 3) and framing.draw(middle, native)[0].shape == (1, 64, 128, 3)
    assert not framing.cut_by_mask(framing.draw(middle, crop)[1]) and not framing.cut_by_mask(framing.draw(aside, native)[1])
    assert framing.cut_by_mask(framing.draw(aside, crop)[1]) and framing.cut_by_mask(np.zeros((1, 8, 8), np.uint8))


@pytest.mark.parametrize("columns, cut", [((3, 4), False), ((0, 1), True), ((6, 7), True), ((), True)])
def test_so_does_the_probe(columns, cut):
    class Seeing:
        def locate(self, frames, noun):
            where = np.zeros((1, 8, 8))
            where[:, 3:5, list(columns)] = 0.9
            return where

    assert framing.cut_by_probe(Seeing(), np.zeros((1, 128, 128, 3), np.uint8), "fox") is cut


def test_both_diets_are_fed_and_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(framing, "HEIGHT", 64)
    monkeypatch.setattr(framing, "WIDTH", 128)
    torch.manual_seed(0)
    nouns = tuple(noun.key for noun in core_nouns())
    labels = Labels(nouns, words.PLACES, words.LIGHTS, words.WEATHERS, words.CAMERAS, words.ACTIONS, ("", *words.COLOURS))
    probe = Probe(ProbeConfig(width=16, size=64), labels).eval()
    monkeypatch.setattr(stills, "load_bundle", lambda model: tiny_bundle())
    monkeypatch.setattr(stills, "find_probe", lambda model, folder: probe)
    spent = ["--scenes", "3", "--steps", "2", "--batch", "2", "--films", "2", "--sampling", "1", "--docs", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["framing.py", *spent, "--init", "none"])
    framing.main()
    page = (tmp_path / "RESULTS.md").read_text()
    assert page.count("square crops") >= 3 and "| drawn by the model, native shape |" in page and "--init none" in page
    assert (tmp_path / "img" / "framing.jpg").stat().st_size > 500
