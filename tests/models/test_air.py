"""Air of any size and length; what is told of a clip changes what is drawn."""

import torch

from skyloom.models.air import KINDS, number
from skyloom.models.bundle import tiny_bundle


def test_any_size_any_length_and_every_kind():
    air = tiny_bundle().air
    for shape in ((1, 4, 1, 4, 4), (2, 4, 3, 5, 7)):
        z, t = torch.randn(shape), torch.full((shape[0], 1, 1, 1), 0.5)
        kinds = torch.zeros(shape[0], dtype=torch.long)
        assert air(z, t, kinds, True).shape == shape
    assert sorted(number(kind, dark) for kind in KINDS for dark in (False, True)) == list(range(2 * len(KINDS)))
    said = [air(z, t, torch.full((2,), number(kind, dark)), opens) for kind in KINDS[:2] for dark in (0, 1) for opens in (0, 1)]
    assert all(not torch.allclose(one, other) for i, one in enumerate(said) for other in said[:i])
    late = air(z, torch.tensor([[0.0, 0.5, 0.5]]).view(1, 3, 1, 1).expand(2, -1, -1, -1), kinds, True)
    assert not torch.allclose(late[:, :, 0], air(z, t, kinds, True)[:, :, 0])  # frames have levels of their own
