"""How things move in themselves: kept as small films, drawn frame by frame."""

import dataclasses

import numpy as np
import pytest
import torch

from skyloom.generate import Request, fingerprint, generate
from skyloom.generate.cutouts import Cutout, drawn_over
from skyloom.generate.painting import painted
from skyloom.generate.panned import Panner
from skyloom.generate.takes import Take, flat
from skyloom.models.bundle import LOOPS, load_bundle, save_bundle, tiny_bundle
from skyloom.models.looks import with_cast
from skyloom.models.loops import Loops, encoded

COUNT, SIDE = 6, 64


def waving():
    """A red disc that goes up and down, uint8 premultiplied RGBA."""
    y, x = np.mgrid[:SIDE, :SIDE]
    pictures = np.zeros((COUNT, SIDE, SIDE, 4), np.uint8)
    for i in range(COUNT):
        middle = 32 + 12 * np.sin(2 * np.pi * i / COUNT)
        pictures[i][np.hypot(x - 32, y - middle) < 16] = (200, 40, 20, 255)
    return pictures


@pytest.fixture(scope="module")
def loops():
    return Loops({"fox": encoded(waving())})


@pytest.fixture(scope="module")
def bundle(loops):
    made = tiny_bundle()
    with torch.no_grad():
        made.staging.leave.bias[-1] = -6.0  # everybody is there
    return dataclasses.replace(made, loops=loops)


def test_a_loop_is_kept_in_few_bytes(loops):
    found, real = loops.pictures("fox"), waving()
    assert found.shape == real.shape and found.dtype == np.uint8
    assert len(loops.films["fox"]) < real.nbytes / 20
    assert np.abs(found.astype(int) - real).mean() < 4
    assert (found[..., :3] <= found[..., 3:]).all() and (found[:, 0, 0] == 0).all()
    assert loops.pictures("snow") is None


def test_it_travels_with_the_model(bundle, loops, tmp_path):
    save_bundle(bundle, tmp_path)
    again = load_bundle(tmp_path)
    assert (tmp_path / LOOPS).is_file() and again.loops == loops
    (tmp_path / LOOPS).unlink()
    assert load_bundle(tmp_path).loops is None
    (tmp_path / LOOPS).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=LOOPS):
        load_bundle(tmp_path)
    with pytest.raises(ValueError, match="no moving picture"):
        Loops({"fox": b"nothing"}).pictures("fox")


def test_other_weights_have_another_name(bundle):
    assert fingerprint(tiny_bundle()) != fingerprint(dataclasses.replace(tiny_bundle(), loops=bundle.loops))


def test_a_cast_of_ones_own_does_not_move_and_colours_do(bundle):
    sprite = np.full((96, 96, 4), 255, np.uint8)
    assert with_cast(bundle, [("fox", sprite)]).loops.pictures("fox") is None
    assert with_cast(bundle, [("dog", sprite)]).loops.pictures("fox") is not None
    blue = painted(bundle, {0: "blue"}).loops.pictures("fox")
    red = bundle.loops.pictures("fox")
    solid = red[..., 3] > 250
    assert blue.shape == red.shape and np.array_equal(blue[..., 3], red[..., 3])
    assert blue[solid][:, 2].mean() > 2 * blue[solid][:, 0].mean() and red[solid][:, 0].mean() > 3 * red[solid][:, 2].mean()


def test_each_frame_shows_its_picture():
    film = torch.full((1, 3, COUNT, 64, 64), -1.0)
    stances = torch.tensor([4.0, 0, 0, 0, 4, 0, 0.5, 0.0]).repeat(1, COUNT, 1)
    loop = waving()
    one = Cutout(stances, torch.ones(1, 4, 96, 96), torch.ones(COUNT), lit=True, loop=loop, pose_F=np.arange(COUNT)[::-1])
    drawn = drawn_over(film, torch.zeros(1, 3, COUNT // 2, 32, 32), [one], 16)
    for i in range(COUNT):
        shown = ((drawn[0, :, i].permute(1, 2, 0) + 1) * 127.5).round().numpy()
        assert np.abs(shown - loop[COUNT - 1 - i][..., :3]).max() <= 1


def test_a_loop_goes_round_in_a_ring(bundle):
    body = Cutout(torch.zeros(1, 24, 8), torch.ones(1, 4, 96, 96), torch.ones(24))
    for ring, length in ((True, 8), (False, 8)):
        take = Take(("a fox",), np.ones((1, 9), np.float32), flat(9, 1.0), (1, 1 + length), ring=ring)
        moved = Panner(take, Request("a fox"), bundle, [0])._moving(body, 0, 0, np.arange(24))
        same = np.array_equal(moved.pose_F[:8], moved.pose_F[8:16])
        assert same == ring and set(moved.pose_F) == set(range(COUNT))
    other = Panner(take, Request("a fox"), bundle, [1])._moving(body, 1, 0, np.arange(24))
    assert other.loop is None  # snow does not move in itself


def test_films_have_it(bundle):
    asked = {"seconds": 9 / 12, "size": "64x64", "steps": 1, "expand": "off"}
    moving, still = (
        generate(Request("a fox", **asked), one).frames for one in (bundle, dataclasses.replace(bundle, loops=None))
    )
    assert moving.shape == still.shape and np.abs(moving.astype(int) - still).max() > 20
