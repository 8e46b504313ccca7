"""Scenery that stands about: what prompts ask for, and where it is to be seen."""

import dataclasses
import random
from collections import Counter

import cv2
import numpy as np
import pytest

from skyloom.worlds import dressing, storybook
from skyloom.worlds.captions import caption
from skyloom.worlds.puppets import over
from skyloom.worlds.sample import PLACE_PROPS, sample_scene
from skyloom.worlds.scene import Actor, Prop, Scene

SIZE = 128, 160
TIMES = np.arange(9) / 12
PROPS = (Prop("tree", -0.5, 0.3), Prop("rock", 0.4, 0.2), Prop("flower", 0.1, 0.8), Prop("cloud", -0.2, 0.1))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_dense_captions_ask_for_what_their_scenes_have(language):
    for index in range(60):
        scene = sample_scene(3, index, split="val")
        wanted = Counter(prop.kind for prop in scene.props)
        assert Counter(dressing.asked_for(caption(scene, language, "dense"))) == wanted


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("a fox runs. Two rocks and a fence can be seen too.", ["rock", "rock", "fence"]),
        ("a rock rolls down to a fox", []),  # it acts
        ("two rocks in the desert", []),  # nobody else does
        ("a fox in the forest with trees and a lamp post", ["tree", "tree", "lamp post"]),
        ("一只狐狸在跑。周围有三块岩石和一丛灌木。", ["rock", "rock", "rock", "bush"]),
        ("nine trees, five crates and five flowers", ["tree", "tree", "crate", "crate", "crate"]),
        ("a fox", []),
        ("", []),
    ],
)
def test_what_a_prompt_asks_for(prompt, kinds):
    assert dressing.asked_for(prompt) == kinds


@pytest.mark.parametrize("place", sorted(PLACE_PROPS))
def test_a_place_of_which_nothing_is_said_has_what_suits_it(place):
    for seed in range(5):
        kinds = dressing.drawn_for(place, random.Random(seed))
        assert dressing.LEAST <= len(kinds) <= dressing.MOST and set(kinds) <= set(PLACE_PROPS[place])


def test_nothing_tall_stands_before_an_actor():
    fox = Actor("fox", x=0.0, depth=0.6)
    kinds = ["tree", "cactus", "lamp post", "flower", "fence"] * 20
    for prop in dressing.dressed(kinds, [fox], random.Random(0)):
        assert prop.depth < fox.depth or (prop.kind in dressing.LOW and abs(prop.x) > 0.5)


@pytest.mark.parametrize("camera", ["still", "pan left", "tilt up", "zoom in", "orbit"])
@pytest.mark.parametrize("place", ["meadow", "space"])
def test_props_are_where_a_scene_draws_them(camera, place):
    scene = Scene((), place, "sunset", camera=camera, seconds=TIMES[-1], seed=12)
    bare, full = (storybook.render(s, *SIZE, len(TIMES)) for s in (scene, dataclasses.replace(scene, props=PROPS)))
    assert np.abs(full.astype(int) - bare).mean() > 2
    one = dressing.Dressing(PROPS, place, "sunset", "clear", 12)
    stances = one.stances(storybook.cameras(scene, *SIZE, TIMES), *SIZE, TIMES)
    sprites = one.sprites(128)
    for frame, rows in zip(bare, stances, strict=True):
        for k in sorted(range(len(rows)), key=lambda k: rows[k, 6]):
            if rows[k, 7] >= 0:
                matrix = rows[k, :6].reshape(2, 3) / [128, 128, 1]
                over(frame, cv2.warpAffine(sprites[k], matrix, SIZE[::-1]))
    assert np.abs(full.astype(int) - bare).mean() < 0.7  # sprites are scaled in other steps


def test_what_floats_has_no_shadow():
    for place, shadows in (("meadow", [True, True, True, False]), ("sky", [False] * 4)):
        one = dressing.Dressing(PROPS, place, "day", "clear", 0)
        rows = one.stances(np.tile([0, 0, 0, 0, 0.5], (2, 1)), *SIZE, TIMES[:2])
        assert (rows[:, ::2, 7] >= 0).all(0).tolist() == shadows and (rows[:, 1::2, 7] == np.arange(4)).all()
