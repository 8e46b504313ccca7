import copy

import pytest
import torch
from torch import nn

from skyloom.train.muon import Muon, orthogonal


def test_updates_are_nearly_orthogonal_wide_and_tall():
    torch.manual_seed(0)
    for shape in ((3, 16, 40), (3, 40, 16)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)).float())
        assert 0.6 < values.min() and values.max() < 1.3


def test_a_step_is_that_of_torch():
    torch.manual_seed(0)
    ours = nn.ParameterList([torch.randn(8, 12), torch.randn(12, 8), torch.randn(8, 12)])
    theirs = copy.deepcopy(ours)
    mine = Muon(ours.parameters(), 0.1, 0.01)
    reference = torch.optim.Muon(theirs.parameters(), 0.1, 0.01, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for p, q in zip(ours, theirs, strict=True):
            p.grad = torch.randn_like(p)
            q.grad = p.grad.clone()
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        assert torch.allclose(p, q, atol=0.02)  # theirs multiplies in bfloat16


def test_vectors_are_refused():
    with pytest.raises(ValueError, match=r"Muon is for matrices, got a parameter of shape \(4,\)"):
        Muon([nn.Parameter(torch.zeros(4))], 0.1, 0.0)
