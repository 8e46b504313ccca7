"""The air that is kept is the world's: each particle as it looks, and as it goes."""

import dataclasses

import numpy as np
import pytest

from skyloom.base.checkpoint import load_weights
from skyloom.config import AirConfig
from skyloom.models.air import SHAPES, Air, number
from skyloom.models.bundle import AIR
from skyloom.train import air
from skyloom.worlds.weather import BUBBLE_SPEED, COUNTS, LEAF_COLOURS, RAIN_SPEED, SNOW_SPEED, WIND

FEW = AirConfig(particles=4, frames=30)


@pytest.mark.parametrize(
    ("kind", "right", "down"),
    [("rain", -0.12 * RAIN_SPEED, RAIN_SPEED), ("snow", 0, SNOW_SPEED), ("leaves", WIND, 0.14), ("bubbles", 0, -BUBBLE_SPEED)],
)
def test_particles_go_as_they_do_in_the_world(kind, right, down):
    swarm = air.seen(kind, False, FEW, 12)
    near = np.linspace(0.5, 1, 4)
    steps = swarm.step_N2.numpy() * 12
    assert steps[:, 0] == pytest.approx(right * near, abs=0.02 + 0.03 * abs(right))
    assert steps[:, 1] == pytest.approx(down * near, abs=0.04 + 0.03 * abs(down))
    assert swarm.many == COUNTS[kind]
    assert swarm.sway_NF2.abs().max() < 0.06
    assert swarm.alpha_NLST.shape[2:] == SHAPES[kind] and swarm.alpha_NLST.amax((1, 2, 3)).min() > 60
    edges = swarm.alpha_NLST[..., [0, -1], :], swarm.alpha_NLST[..., [0, -1]]
    assert max(int(edge.max()) for edge in edges) < 20  # nothing is cut off


def test_what_snows_at_night_is_darker_and_leaves_have_their_colours():
    day, night = (air.seen("snow", dark, FEW, 12).ink_N3.float().mean() for dark in (False, True))
    assert night < day - 20
    leaves = air.seen("leaves", False, FEW, 12)
    assert np.abs(leaves.ink_N3.numpy().astype(int) - np.array(LEAF_COLOURS)).max() < 8
    assert (leaves.alpha_NLST[:, 0] != leaves.alpha_NLST[:, 5]).any()


def test_stars_stand_and_twinkle():
    stars = air.seen("stars", True, FEW, 12)
    assert stars.step_N2.abs().max() < 1e-4 and stars.sway_NF2.abs().max() < 0.003
    light = stars.alpha_NLST.float().mean((2, 3))
    assert (light.amax(1) > 1.5 * light.amin(1)).all()
    jumps = (light - light.roll(1, 1)).abs()
    assert (jumps[:, 0] <= jumps[:, 1:].amax(1)).all()  # round and round


def test_a_run_writes_the_memory_of_its_preset(tiny, tmp_path):
    export = air.main(tiny, tmp_path / "air")
    kept = Air(tiny.air)
    load_weights(kept, export / AIR)
    assert kept.swarm(number("bubbles", True)).alpha_NLST.max() > 60
    with pytest.raises(ValueError, match=r"air.particles is 0"):
        air.main(dataclasses.replace(tiny, air=AirConfig()), tmp_path / "none")
