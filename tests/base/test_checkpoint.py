"""Checkpoints after a kill: what was half written goes, the rest stays."""

from skyloom.base import checkpoint


def test_a_half_written_checkpoint_is_removed_by_the_next(tmp_path):
    checkpoint.save(tmp_path, 1, {"a": 1})
    left = tmp_path / "checkpoints" / ".00000002.pt"
    left.write_bytes(b"half")
    checkpoint.save(tmp_path, 3, {"a": 3})
    assert not left.exists() and checkpoint.load_latest(tmp_path) == {"step": 3, "a": 3}
