"""Detail of any size and length; the place, the camera and what is given change what is drawn."""

import torch

from skyloom.models.bundle import tiny_bundle
from skyloom.models.detail import PACE, VIEWS, view_of


def parts(shape, channels=4, coarse=2):
    torch.manual_seed(0)
    batch, frames, rows, columns = shape
    z = torch.randn(batch, channels, frames, rows, columns)
    return z[:, coarse:], z[:, :coarse]


def test_any_size_any_length_and_what_is_told():
    detail = tiny_bundle().detail
    for shape in ((1, 1, 4, 4), (2, 3, 5, 7)):
        fine, coarse = parts(shape)
        place, opens = torch.zeros(shape[0], dtype=torch.long), torch.ones(shape[0], dtype=torch.bool)
        t = torch.full((shape[0], 1, 1, 1), 0.5)
        assert detail(fine, t, coarse, view_of(None, shape), place, opens).shape == fine.shape
    one = detail(fine, t, coarse, view_of(None, shape), place, opens)
    others = [
        detail(fine, t, coarse, view_of(None, shape), place + 1, opens),
        detail(fine, t, coarse, view_of(None, shape), place, ~opens),
        detail(fine, t, coarse + 1, view_of(None, shape), place, opens),
        detail(fine, t * 0.5, coarse, view_of(None, shape), place, opens),
        detail(fine, t, coarse, view_of(torch.zeros(2, 3, 5), shape), place, opens),
    ]
    assert all(not torch.allclose(one, other) for other in others)


def test_the_view_tells_how_cells_move():
    pan, zoom = torch.zeros(1, 3, 5), torch.zeros(1, 3, 5)
    pan[0, :, 0], zoom[0, :, 2] = torch.tensor([0.0, 0.1, 0.3]), torch.tensor([0.0, 0.1, 0.2])
    pan[..., 4] = 0.5  # horizon in the middle
    shape = (1, 3, 4, 8)
    seen = view_of(pan, shape)
    assert seen.shape == (*shape, VIEWS)
    x, y, across = seen[..., 0], seen[..., 1], seen[..., 2]
    assert torch.allclose(x[0, 0, 0], (torch.arange(8) - 3.5) / 4) and torch.allclose(
        y[0, 0, :, 0], (torch.arange(4) - 1.5) / 4
    )
    assert torch.allclose(across[0, :, 0, 0], PACE * torch.tensor([0.0, 0.1, 0.2]))  # since the frame before
    assert torch.allclose(seen[0, :, 0, 0, 7], PACE * torch.tensor([0.1, 0.2, 0.0]))  # until the one after
    assert torch.allclose(seen[..., 13], y)  # from the horizon
    outwards = view_of(zoom, shape)[0, 1, 0, :, 5]  # zooming in, what is right of the middle moves right
    assert torch.allclose(outwards, PACE * 0.1 * x[0, 0, 0])
    assert float(seen[..., 14].min()) == 1 and float(view_of(None, shape)[..., 14].max()) == 0
