"""Frames that show the same share their texture, those that do not stay apart."""

import torch

from skyloom.models.steady import COARSE, steadied


def a_film(frames=5, moves=False):
    """One coarse form, in the middle of the film another if it moves; a texture for each frame."""
    form = torch.randn(1, COARSE, 1, 6, 6, generator=torch.Generator().manual_seed(0)).expand(-1, -1, frames, -1, -1).clone()
    if moves:
        form[:, :, frames // 2] += 5
    return torch.cat([form, torch.randn(1, 10, frames, 6, 6, generator=torch.Generator().manual_seed(1))], 1)


def levels(*t):
    return torch.tensor(t).view(1, -1, 1, 1)


def test_what_stands_still_is_drawn_once():
    film = a_film()
    new = steadied(film, levels(0.3), 0.6)
    assert torch.allclose(new[:, :COARSE], film[:, :COARSE], atol=1e-5)
    assert new.diff(dim=2).abs().mean() < 0.2 * film.diff(dim=2).abs().mean()


def test_what_moves_stays_as_it_is():
    film = a_film(moves=True)
    new = steadied(film, levels(0.3), 0.6)
    assert torch.allclose(new[:, :, 2], film[:, :, 2], atol=1e-4)
    assert (new[:, :, 1] - new[:, :, 3])[:, COARSE:].abs().mean() < 0.3 * (film[:, :, 1] - film[:, :, 3])[
        :, COARSE:
    ].abs().mean()


def test_given_frames_and_early_steps_are_left_alone():
    film = a_film()
    assert torch.equal(steadied(film, levels(0.7), 0.6), film)
    assert torch.equal(steadied(film, levels(0.3), 0.0), film)
    assert torch.equal(steadied(film[:, :, :1], levels(0.3), 0.6), film[:, :, :1])
    new = steadied(film, levels(0.0, 0.3, 0.3, 0.3, 0.3), 0.6)
    assert torch.equal(new[:, :, 0], film[:, :, 0]) and not torch.allclose(new[:, :, 1], film[:, :, 1], atol=0.1)
    towards = torch.nn.functional.cosine_similarity(
        (new - film)[:, COARSE:, 1].flatten(), (film[:, :, 0] - film[:, :, 1])[:, COARSE:].flatten(), 0
    )
    assert towards > 0.3  # what is given shows in what follows
    for frame in range(1, 5):  # to the end, as long as it agrees
        assert (new[:, :, frame] - film[:, :, 0]).abs().mean() < 0.2 * (film[:, :, frame] - film[:, :, 0]).abs().mean()
    moved = a_film(moves=True)
    moved[:, :, 1:3] += 9.0
    apart = steadied(moved, levels(0.0, 0.3, 0.3, 0.3, 0.3), 0.6)
    assert (apart[:, :, 1] - moved[:, :, 0]).abs().min() > 1.0


def test_bodies_keep_their_looks():
    film, bodies = a_film(), torch.zeros(1, 5, 6, 6, dtype=torch.bool)
    bodies[:, 1:3, :3] = True
    new = steadied(film, levels(0.3), 0.6, bodies)
    assert torch.allclose(new[:, :, 1:3, :3], film[:, :, 1:3, :3], atol=1e-6)
    behind = film.clone()
    behind[:, COARSE:, 1:3, :3] = 9.0
    assert torch.allclose(steadied(behind, levels(0.3), 0.6, bodies)[:, :, 3:], new[:, :, 3:], atol=1e-5)
