import pytest
import torch


@pytest.fixture
def float32(monkeypatch):
    """Models run in float32 whatever this CPU multiplies fastest, where a test wants two ways to agree to the digit."""
    from skyloom.models import bundle

    monkeypatch.setattr(bundle, "cpu_dtype", lambda: torch.float32)
