"""What is filled in around bodies that are drawn, and their shadows."""

import torch
import torch.nn.functional as F

from skyloom.models.foreground import BELOW, filled, shaded


def test_a_hole_is_filled_from_its_own_rows():
    film = torch.zeros(1, 3, 1, 64, 96)
    film[..., :32, :] = 1.0  # a sky over a ground
    torn, hole = film.clone(), torch.zeros(1, 1, 64, 96)
    hole[..., 20:44, 30:60] = 1
    torn[..., 20:44, 30:60] = torch.randn(1, 3, 1, 24, 30)
    whole = filled(torn, hole)
    for rows in (slice(0, 30), slice(34, 64)):  # soft where the two meet
        assert torch.allclose(whole[..., rows, :], film[..., rows, :], atol=1e-5)
    hole[..., :40, :] = 1  # whole rows
    whole = filled(film, hole)
    assert torch.isfinite(whole).all() and whole.min() >= 0 and whole.max() <= 1 + 1e-5


def test_a_shadow_stays_right_under_a_body_and_grain_does_not():
    ground, bodies = torch.full((1, 3, 2, 96, 96), 0.5), torch.zeros(1, 1, 48, 48)
    bodies[..., 10:20, 15:30] = 1
    film = ground.clone()
    film[..., 42:50, 30:60] = 0.1  # its shadow
    film[..., 42:50, 70:90] = 0.1  # a dark place elsewhere
    dark = shaded(ground, seen(film), bodies)
    assert dark[0, 0, 0, 45, 45] < 0.35 and dark[0, 0, 1, 45, 45] < 0.35
    assert dark[..., 70:90].min() > 0.45
    assert dark[..., 40 + BELOW + 20 :, :].min() == 0.5
    grain = ground + 0.4 * torch.randn(ground.shape, generator=torch.Generator().manual_seed(0))
    assert shaded(ground, seen(grain), bodies).min() > 0.35
    assert shaded(ground, seen(ground + 0.3), bodies).equal(ground)  # never lighter


def seen(film):
    return F.avg_pool3d(film, 2) / 2 + 0.5
