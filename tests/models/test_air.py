"""What falls is remembered: saved and loaded as it was, by kind and light."""

import pytest
import torch

from skyloom.base.checkpoint import load_weights, save_weights
from skyloom.config import AirConfig
from skyloom.models.air import KINDS, SHAPES, TURNING, Air, Swarm, number
from skyloom.models.bundle import AIR, load_bundle, save_bundle, tiny_bundle


def test_each_kind_has_a_swarm_by_day_and_one_at_night():
    assert sorted(number(kind, dark) for kind in KINDS for dark in (False, True)) == list(range(2 * len(KINDS)))
    air = Air(AirConfig(particles=3, frames=7))
    for kind in KINDS:
        swarm = air.swarm(number(kind, True))
        assert swarm.alpha_NLST.shape == (3, 7 if kind in TURNING else 1, *SHAPES[kind])
        assert swarm.sway_NF2.shape == (3, 7, 2) and swarm.ink_N3.shape == (3, 3) and swarm.step_N2.shape == (3, 2)


def test_what_is_kept_is_found_again(tmp_path):
    bundle = tiny_bundle()
    kind = number("snow", False)
    old = bundle.air.swarm(kind)
    new = Swarm(old.alpha_NLST + 7, old.ink_N3 + 1, old.step_N2 + 0.01, old.sway_NF2 - 0.5, 12)
    bundle.air.keep(kind, new)
    save_bundle(bundle, tmp_path)
    assert (tmp_path / AIR).is_file()
    found = load_bundle(tmp_path).air.swarm(kind)
    assert all(torch.equal(a, b) for a, b in zip(found[:4], new[:4], strict=True)) and found.many == 12


def test_a_memory_that_is_older_than_a_kind_knows_none_of_it(tmp_path):
    old = {name: part + 1 for name, part in Air(AirConfig(particles=3, frames=7)).state_dict().items()}
    old = {name: part for name, part in old.items() if not name.endswith(("_8", "_9"))}
    save_weights(tmp_path / AIR, old, torch.float32)
    air = Air(AirConfig(particles=3, frames=7))
    load_weights(air, tmp_path / AIR)
    assert air.swarm(number("bubbles", True)).many == 1 and air.swarm(number("stars", True)).many == 0
    del old["step_3"]  # what lacks a part of a kind is no memory
    save_weights(tmp_path / AIR, old, torch.float32)
    with pytest.raises(ValueError, match="step_3"):
        load_weights(air, tmp_path / AIR)
