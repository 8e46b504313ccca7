import numpy as np

from skyloom.config import Bucket, ModelTrain
from skyloom.data.loader import draw_caption, view_of_actor
from skyloom.worlds.captions import caption
from skyloom.worlds.sample import sample_scene


def test_a_window_lies_inside_the_picture_and_shows_the_actor():
    cover = np.zeros((1, 16, 20), np.uint8)
    cover[:, 12:15, 1:4] = 255
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(200):
        rows, columns = view_of_actor(cover, 8, rng)
        assert 0 <= rows.start <= 8 and rows.stop == rows.start + 8
        assert 0 <= columns.start <= 12 and columns.stop == columns.start + 8
        seen.append(cover[0, rows, columns].sum() / cover.sum())
    assert np.mean(seen) > 0.9


def test_an_empty_picture_gives_a_window_anywhere():
    rng = np.random.default_rng(0)
    corners = {view_of_actor(np.zeros((1, 16, 16), np.uint8), 4, rng)[0].start for _ in range(100)}
    assert len(corners) > 8


def test_windows_get_no_dense_captions():
    scene = sample_scene(0, 3)
    dense = {caption(scene, language, "dense", variant=v, still=True) for language in ("en", "zh") for v in range(300)}
    rng, config = np.random.default_rng(0), ModelTrain(drop_text=0.0, dense=(0.1, 0.1, 0.8))
    drawn = [draw_caption(scene, Bucket(1, 256, 256, 1, 1, window=8), config, rng) for _ in range(60)]
    assert not dense & set(drawn)
    longest = max(len(draw_caption(scene, Bucket(1, 256, 256, 1, 1), config, rng)) for _ in range(60))
    assert longest > max(map(len, drawn))
