"""The ruler: round trips, and errors that say what to try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.base import sizes
from skyloom.base.sizes import Ruler, frames_of, human_bytes, human_seconds, latent_frames, parse_size, size_text

RULER = Ruler()


@given(st.integers(1, 500), st.integers(1, 1200), st.integers(1, 1200))
def test_cover_is_the_smallest_clip_that_fits(frames, height, width):
    covered = RULER.cover(frames, height, width)
    RULER.tokens(*covered)  # fits: does not raise
    for got, wanted, stride in zip(covered, (frames, height, width), (4, 32, 32), strict=True):
        assert wanted <= got < wanted + stride


@given(st.integers(0, 100), st.integers(1, 8))
def test_latent_frames_inverts_the_packing(k, stride):
    assert latent_frames(1 + k * stride, stride) == 1 + k


@pytest.mark.parametrize("frames, tries", [(48, "Try 45 or 49"), (2, "Try 1 or 5"), (0, "Try 1 or 5"), (-7, "Try 1 or 5")])
def test_odd_frame_counts_name_their_neighbours(frames, tries):
    with pytest.raises(ValueError, match=tries):
        latent_frames(frames, 4)


def test_tokens_of_the_shipped_shapes():
    assert RULER.tokens(1, 256, 256) == 64
    assert RULER.tokens(49, 256, 256) == 13 * 64
    assert RULER.tokens(49, 256, 448) == RULER.tokens(49, 448, 256) == 13 * 8 * 14
    assert Ruler(time_stride=4, space_stride=32, patch=(1, 1, 1)).tokens(17, 256, 256) == 5 * 64


def test_sizes_off_the_grid_name_their_neighbours():
    with pytest.raises(ValueError, match=r"width=250: need a multiple of 32\. Try 224 or 256"):
        RULER.tokens(1, 256, 250)


@pytest.mark.parametrize(
    "text, size", [("square", (256, 256)), ("Wide", (256, 448)), ("448X256", (256, 448)), ("64 x 99", (99, 64))]
)
def test_sizes_that_people_type(text, size):
    assert parse_size(text) == size
    assert parse_size(size_text(*size)) == size


@pytest.mark.parametrize(
    "text, says",
    [("squre", "'square'"), ("", "256x256"), ("0x9", "32..1024"), ("9999x256", "Try 1024"), ("-3x4", "WIDTHxHEIGHT")],
)
def test_sizes_that_nobody_can_film(text, says):
    with pytest.raises(ValueError, match=says):
        parse_size(text)


def test_seconds_become_frames():
    assert frames_of(49 / 12, 12) == 49
    assert frames_of(0, 12) == 1  # a still


def test_flops_grow_with_the_square_of_long_clips_and_the_line_of_short_ones():
    short = sizes.transformer_flops(64, 384, 10)
    assert 1.9 < sizes.transformer_flops(128, 384, 10) / short < 2.2
    long = sizes.transformer_flops(1 << 16, 384, 10)
    assert 3.8 < sizes.transformer_flops(1 << 17, 384, 10) / long < 4
    assert sizes.transformer_flops(64, 384, 10, text_tokens=32) > short


def test_free_memory_is_a_plausible_number():
    assert 0 < sizes.free_memory() < 1 << 50


def test_numbers_for_people():
    assert [human_bytes(n) for n in (7, 4096, 2.5e6, 1.5e9)] == ["7 bytes", "4 kB", "2 MB", "1.5 GB"]
    assert [human_seconds(s) for s in (4.2, 75, 9000)] == ["4.2 s", "1 min 15 s", "2 h 30 min"]
