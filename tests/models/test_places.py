"""Where looks lie: the truth from a scene's record, and the sketch that follows from what is said."""

import numpy as np
import pytest
import torch
from lying_bodies import a_picture, lying

from skyloom.models.places import DOTS, SAID, SHARES, SIDE, TURN_SCALE, errors, lay_out, truth
from skyloom.models.sketch import Places
from skyloom.worlds.scene import Actor, Scene
from skyloom.worlds.storybook import render, stances

CELL = 16


def said_of(which, spot, turn) -> torch.Tensor:
    return torch.cat([30.0 * torch.nn.functional.one_hot(which, SHARES), spot, turn], -1)


def test_an_upright_picture_lies_where_its_matrix_says():
    stance = lying((4.0, 0.0, 2.0, 0.0, 4.0, 1.0, 0.5, 0))  # four cells a side, its upper left corner in column 2, row 1
    which, spot, turn = truth(stance, torch.tensor([[0]]), a_picture(), (8, 8))
    assert which.shape == (1, 1, 8, 8) and set(which.unique().tolist()) == {0, 1}
    assert which[0, 0, 2:4, 3:5].all() and not which[0, 0, 6:].any() and not which[0, 0, :, 7].any()
    assert spot[0, 0, 1, 2].tolist() == pytest.approx([-0.75, -0.75])  # the middle of the corner's cell
    assert turn[0, 0, 1, 2].tolist() == pytest.approx([0.5 * TURN_SCALE, 0, 0, 0.5 * TURN_SCALE])
    sketch = lay_out(said_of(which, spot, turn), a_picture()).unflatten(-1, (4, DOTS, DOTS))[0, 0]
    assert sketch[2, 3, 0].min() > 0.9 and sketch[3, 3, 2].min() > 0.9  # red above, blue below
    assert sketch[:, 6:].abs().max() < 1e-3 and sketch[0].abs().max() < 1e-3


def test_a_turned_picture_and_the_nearer_of_two():
    upside_down = (-4.0, 0.0, 6.0, 0.0, -4.0, 5.0, 0.2, 0)
    which, spot, turn = truth(lying(upside_down), torch.tensor([[0]]), a_picture(), (8, 8))
    sketch = lay_out(said_of(which, spot, turn), a_picture()).unflatten(-1, (4, DOTS, DOTS))[0, 0]
    assert sketch[2, 3, 2].min() > 0.9 and sketch[3, 3, 0].min() > 0.9
    two = torch.cat([lying(upside_down), lying((4.0, 0.0, 2.0, 0.0, 4.0, 1.0, 0.9, 1))], 2)
    both = a_picture().expand(-1, 2, -1, -1, -1)
    assert set(truth(two, torch.tensor([[0, 1]]), both, (8, 8))[0].unique().tolist()) == {0, 2}
    assert set(truth(two, torch.tensor([[0, -1]]), both, (8, 8))[0].unique().tolist()) == {0, 1}  # nobody named the second


def test_bodies_that_are_not_there_lie_nowhere():
    gone = lying((0.0,) * 7 + (-1.0,))
    which, spot, turn = truth(gone, torch.tensor([[0]]), a_picture(), (4, 4))
    assert not which.any() and spot.isfinite().all() and turn.isfinite().all()


def test_the_truth_lies_where_the_renderer_draws():
    scene = Scene((Actor("fox", ("jump",), x=0.2), Actor("pizza", ("roll",), x=-0.5)), seconds=2.0, seed=3)
    times = np.array([0.2, 0.7, 1.1])
    stance = torch.from_numpy(stances(scene, 128, 128, times) / np.array([CELL] * 6 + [1, 1], np.float32))[None]
    full = torch.ones(1, 2, 4, SIDE, SIDE)
    which, *_ = truth(stance, torch.tensor([[0, 1, -1, -1]]), full, (8, 8))
    for i, time in enumerate(times):
        _, mask = render(scene, 128, 128, 1, 12, start=float(time), masks=True)
        drawn = torch.from_numpy(mask[0].reshape(8, CELL, 8, CELL).mean((1, 3)) > 128)
        assert drawn.any() and (which[0, i] > 0)[drawn].all()


def test_errors_are_sums_over_what_there_is_to_say():
    which, spot, turn = truth(lying((4.0, 0, 2.0, 0, 4.0, 1.0, 0.5, 0)), torch.tensor([[0]]), a_picture(), (8, 8))
    right = said_of(which, spot, turn)
    sums, counts = errors(right, which, spot, turn, torch.tensor([True]))
    assert sums.tolist() == pytest.approx([0, 0], abs=1e-3) and counts.tolist() == [64, int((which > 0).sum())]
    moved = right.clone()
    moved[..., SHARES] += 0.5
    sums, _ = errors(moved, which, spot, turn, torch.tensor([True]))
    assert sums[1] == pytest.approx(0.4 * counts[1])  # Huber: |0.5| - 0.2 / 2
    sums, counts = errors(moved, which, spot, turn, torch.tensor([False]))
    assert sums.tolist() == counts.tolist() == [0, 0]


def test_a_young_head_changes_nothing_and_learns():
    torch.manual_seed(0)
    places, x = Places(32, 16, 2), torch.randn(1, 16, 32)
    said, tokens, cells = places(x, (1, 4, 4), a_picture())
    assert said.shape == (1, 1, 8, 8, SAID) and cells.shape == (1, 16, 8, 8) and not tokens.any() and not cells.any()
    known = truth(lying((4.0, 0, 2.0, 0, 4.0, 1.0, 0.5, 0)), torch.tensor([[0]]), a_picture(), (8, 8))
    optimiser = torch.optim.Adam(places.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        sums, counts = errors(places(x, (1, 4, 4), a_picture())[0], *known, torch.tensor([True]))
        loss = (sums / counts).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
