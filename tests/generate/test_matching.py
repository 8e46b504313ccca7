"""A body is found in a given frame to the pixel, and in its pose."""

import cv2
import numpy as np
import pytest
import torch

from skyloom.generate.continuing import going_on_as
from skyloom.generate.cutouts import Cutout
from skyloom.generate.matching import explained, followed, matched, turn_of, turned_to

SIDE = 96


def loop(count=6):
    """Something lopsided that waves: uint8 premultiplied RGBA."""
    pictures = np.zeros((count, SIDE, SIDE, 4), np.uint8)
    for i in range(count):
        arm = 30 + round(24 * np.cos(np.pi * i / (count - 1)))
        cv2.ellipse(pictures[i], (48, 60), (24, 32), 0, 0, 360, (200, 90, 30, 255), -1)
        cv2.circle(pictures[i], (40, 44), 7, (20, 20, 40, 255), -1)
        cv2.line(pictures[i], (60, 50), (88, arm), (60, 160, 220, 255), 9)
    return pictures


def frame(picture, matrix, light=1.0, size=(128, 160)):
    """A picture over a textured ground."""
    rng = np.random.default_rng(0)
    ground = cv2.resize(rng.integers(60, 160, (16, 20, 3)).astype(np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
    local = matrix / [SIDE, SIDE, 1]
    local[:, 2] += local[:, :2].sum(1) / 2 - 0.5
    body = cv2.warpAffine(picture, local, size[::-1], flags=cv2.INTER_LINEAR).astype(float)
    return np.clip(ground * (1 - body[..., 3:] / 255) + light * body[..., :3], 0, 255).round().astype(np.uint8)


def box(left, top, side, flip=False):
    return np.array([[-side, 0, left + side], [0, side, top]] if flip else [[side, 0, left], [0, side, top]], float)


@pytest.mark.parametrize("pose", [0, 2, 4])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("light", [1.0, 0.6])
def test_place_size_and_pose_are_found(pose, flip, light):
    shown = frame(loop()[pose], box(53, 37, 66, flip), light)
    found = matched(shown, loop(), box(51, 36, 63, flip))
    assert found is not None and found.pose == pose
    middle = 53 + 33 - (51 + 31.5), 37 + 33 - (36 + 31.5)
    assert (found.right, found.down) == pytest.approx(middle, abs=1.6) and found.size == pytest.approx(66 / 63, abs=0.06)


def test_nothing_is_found_where_nobody_is():
    empty = frame(loop()[0] * 0, box(0, 0, 60))
    assert matched(empty, loop(), box(51, 36, 63)) is None
    shown = frame(loop()[0], box(53, 37, 66))
    for left, top in ((-90, 37), (200, 37), (53, -90), (53, 170), (-60, 37), (150, 37), (53, -60), (53, 120)):
        assert matched(shown, loop(), box(left, top, 66)) is None  # outside, or all but
    assert matched(shown, loop(), box(53, 37, 4)) is None  # a speck


@pytest.mark.parametrize("light", [1.0, 0.6])
def test_who_stands_behind_something_or_is_partly_out_of_view_is_found(light):
    shown = frame(loop()[2], box(53, 37, 66), light)
    cv2.rectangle(shown, (50, 82), (90, 127), (90, 200, 80), -1)
    cv2.circle(shown, (112, 60), 14, (250, 250, 250), -1)
    found = explained(shown, loop(), box(51, 36, 65))
    assert found is not None and matched(shown, loop(), box(51, 36, 65)) is not None
    assert (found.right, found.down) == pytest.approx((2.5, 1.5), abs=1.6) and found.score < 0.95
    cut = frame(loop()[2], box(-20, 37, 66), light)
    found = explained(cut, loop(), box(-22, 36, 65))
    assert found is not None and (found.right, found.down) == pytest.approx((2.5, 1.5), abs=1.6)
    empty = frame(loop()[0] * 0, box(0, 0, 60))
    assert explained(empty, loop(), box(51, 36, 63)) is None and explained(shown, loop(), box(51, 36, 4)) is None
    assert explained(shown, loop(), box(-62, 37, 66)) is None  # all but outside


def test_a_body_goes_on_from_what_is_known():
    pictures = loop()
    shown = frame(pictures[3], box(54, 36, 64))
    film = torch.from_numpy(shown).permute(2, 0, 1)[None, :, None].float().expand(-1, -1, 8, -1, -1) / 127.5 - 1
    stances = torch.tensor([4.0, 0, 3.25, 0, 4.0, 2, 0.5, 0.0]).repeat(1, 8, 1)  # 52, 32
    body = Cutout(stances, torch.ones(1, 4, SIDE, SIDE), torch.ones(8), loop=pictures, pose_F=np.arange(8) % 6)
    known = [True] * 4 + [False] * 4
    one = going_on_as(body, film, known, 16)
    assert one.pose_F.tolist()[3:] == [3, 4, 5, 0, 1]
    assert one.stances_1F8[0, 4:, 2].tolist() == pytest.approx([54 / 16] * 4, abs=0.1)
    assert one.stances_1F8[0, 4:, 5].tolist() == pytest.approx([36 / 16] * 4, abs=0.1)
    assert going_on_as(body, film, [False] * 8, 16) is body
    assert going_on_as(body, torch.zeros_like(film), known, 16) is body


def test_a_body_is_found_to_parts_of_a_pixel():
    shown = frame(loop()[2], box(53.4, 36.7, 66))
    found = matched(shown, loop(), box(51, 36, 65))
    assert found is not None
    assert found.onto(box(51, 36, 65))[:, 2] == pytest.approx([53.4, 36.7], abs=0.6)


@pytest.mark.parametrize("turn", [0.55, -0.8])
def test_how_far_what_spins_has_turned_is_found(turn):
    planned = turned_to(box(53, 37, 66), -0.2)
    found = matched(frame(loop()[0], turned_to(box(53, 37, 66), turn)), loop()[:1], planned, spins=True)
    assert found is not None and found.turn == pytest.approx(turn, abs=0.25)
    assert turn_of(found.onto(planned)) == pytest.approx(found.turn)


def test_a_body_is_followed_until_it_is_lost():
    pictures = loop()
    places = [box(53 + 3 * k, 37 - 2 * k, 66 - k) for k in range(5)]
    frames = [frame(pictures[(2 + k) % 6], at) for k, at in enumerate(places)]
    planned = [places[0]] * 5
    first = matched(frames[0], pictures, planned[0])
    found = followed(frames[1:], pictures, planned[1:], [1, 2, 3, 4], first)
    for one, at, plan in zip(found, places[1:], planned[1:], strict=True):
        assert one.onto(plan)[:, 2] == pytest.approx(at[:, 2], abs=1.5)
    lost = followed([frames[1], frames[2] * 0, frames[3]], pictures, planned[1:4], [1, 2, 3], first)
    assert [one is None for one in lost] == [False, True, True]


@pytest.mark.parametrize("seed", range(3))
def test_bodies_anywhere_about_a_frame_are_looked_for(seed):
    """At its borders and beyond, large and small, turned and upside down."""
    rng, shown = np.random.default_rng(seed), frame(loop()[1], box(53, 37, 66))
    for _ in range(60):
        matrix = np.column_stack([rng.normal(0, 60, (2, 2)), rng.uniform(-150, 250, 2)])
        spins = bool(rng.integers(2))
        found = matched(shown, loop(), turned_to(matrix, 1.0), spins)
        assert found is None or found.score >= 0.6
