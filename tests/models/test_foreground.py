"""Bodies drawn in full in front of a film, what is filled in around them, and their shadows."""

import torch

from skyloom.models.foreground import BELOW, Row, drawn_over, filled, shaded
from skyloom.models.places import SIDE


def body(x=1.0, y=1.0, side=2.0, frames=4, speed=0.0):
    """A square one, its upper left corner there, in cells; it goes to the right: 1 F 1 8."""
    stances = torch.tensor([side, 0, x, 0, side, y, 0.5, 0.0]).repeat(1, frames, 1, 1)
    stances[0, :, 0, 2] += speed * torch.arange(frames)
    return stances


def picture(half=False):
    """A white square with a black right half, or all white: 1 1 4 S S, premultiplied."""
    shown = torch.ones(1, 1, 4, SIDE, SIDE)
    if half:
        shown[..., :3, :, SIDE // 2 :] = -1
    return shown


def over(film, light, stances, pictures, counts=None):
    counts = torch.ones(film.shape[2]) if counts is None else counts
    return drawn_over(film, light, [Row(stances[:, :, 0], pictures[:, 0], counts)], 16)


def test_a_body_is_drawn_to_the_pixel_and_moves_from_frame_to_frame():
    film = torch.full((1, 3, 4, 64, 96), -1.0)
    drawn = over(film, torch.ones_like(film), body(speed=0.25), picture())
    for frame in range(4):
        left = 16 + 4 * frame
        assert drawn[0, :, frame, 17:47, left + 1 : left + 31].min() > 0.95
        assert drawn[0, :, frame, :, : left - 1].max() == -1 and drawn[0, :, frame, :, left + 33 :].max() == -1


def test_it_has_the_mean_colours_of_the_film():
    light = torch.zeros(1, 3, 4, 64, 96)
    light[:, 0] = 0.5
    drawn = over(torch.zeros_like(light), light, body(), picture(half=True))[0, :, 0, 18:46, 18:46]
    assert drawn[0].mean() > drawn[1].mean() + 0.2  # a warm light
    assert (drawn[:, :, :12].mean() - drawn[:, :, 16:].mean()) > 0.5  # and still its own picture


def test_it_is_seen_as_much_as_it_counts():
    film = torch.full((1, 3, 2, 64, 64), -1.0)
    drawn = over(film, torch.ones_like(film), body(frames=2), picture(), torch.tensor([1.0, 0.25]))
    assert drawn[0, 0, 0, 32, 32] > 0.95 and abs(float(drawn[0, 0, 1, 32, 32]) + 0.5) < 0.05
    nobody = body(frames=2)
    nobody[..., 7] = -1
    assert torch.equal(over(film, film, nobody, picture()), film)


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
    ground, bodies = torch.full((1, 3, 2, 96, 96), 0.5), torch.zeros(1, 2, 96, 96)
    bodies[..., 20:40, 30:60] = 1
    film = ground.clone()
    film[..., 42:50, 30:60] = 0.1  # its shadow
    film[..., 42:50, 70:90] = 0.1  # a dark place elsewhere
    dark = shaded(ground, film, bodies)
    assert dark[0, 0, 0, 45, 45] < 0.35
    assert torch.equal(dark[..., 64:], ground[..., 64:]) or dark[..., 70:90].min() > 0.45
    assert dark[..., 40 + BELOW + 20 :, :].min() == 0.5
    grain = ground + 0.4 * torch.randn(ground.shape, generator=torch.Generator().manual_seed(0))
    assert shaded(ground, grain, bodies).min() > 0.35
    assert shaded(ground, ground + 0.3, bodies).equal(ground)  # never lighter
