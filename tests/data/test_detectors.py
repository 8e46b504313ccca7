"""Networks that a user brings: small ONNX graphs that really compute, in a whole build, and what wrong files are told."""

import sys
from pathlib import Path

import footage_files as made
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from skyloom.base import footage
from skyloom.cli import run
from skyloom.data import detectors
from skyloom.data.catalog import Catalog
from skyloom.data.settings import DetectConfig


@pytest.fixture(autouse=True)
def forget():
    detectors.network.cache_clear()


def save(path: Path, nodes, shape, constants=None, *, kind=TensorProto.FLOAT, name="x") -> str:
    """A network from `name` of `shape` to "out"."""
    held = [onnx.numpy_helper.from_array(np.asarray(value), key) for key, value in (constants or {}).items()]
    entry = helper.make_tensor_value_info(name, kind, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "graph", [entry], [out], held)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return str(path)


def redness(path: Path, *, last: bool = False, side: int | str = 32) -> str:
    """Two logits: 0, and 8 x (red - green) of the whole picture, whose values come as -1..1."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2] if last else [2, 3], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["out"]),
    ]
    weights = np.array([[0, 4], [0, -4], [0, 0]], np.float32)
    return save(path, nodes, [1, side, side, 3] if last else [1, 3, side, side], {"weights": weights})


def plain(red: int, green: int) -> np.ndarray:
    return np.full((2, 48, 64, 3), (red, green, 90), np.uint8)


def shots_of(dataset: Path) -> dict[str, dict]:
    """Each file's last shot."""
    with Catalog(dataset) as catalog:
        return {row["file"]: row for _, row in catalog.rows("shot")}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("side", [32, "side"])
def test_a_classifier_gets_pictures_as_its_file_wants_them(tmp_path, last, side):
    path = redness(tmp_path / "a.onnx", last=last, side=side)
    for red, green in ((200, 40), (40, 200), (90, 90)):
        logit = 8 * (red - green) / 255
        assert detectors.nudity(path, plain(red, green)) == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-4)


def test_the_worst_picture_counts(tmp_path):
    path = redness(tmp_path / "a.onnx")
    both = np.concatenate([plain(40, 200), plain(200, 40)])
    assert detectors.nudity(path, both) == detectors.nudity(path, plain(200, 40)) > 0.9


def test_the_file_beside_it_changes_what_it_wants(tmp_path):
    path = redness(tmp_path / "a.onnx")
    (tmp_path / "a.json").write_text('{"bgr": true, "mean": [0, 0, 0], "std": [1, 1, 1], "harmful": [0]}')
    logit = 4 * (90 - 40) / 255  # blue stands where red stood
    assert detectors.nudity(path, plain(200, 40)) == pytest.approx(1 - 1 / (1 + np.exp(-logit)), abs=1e-4)


def test_probabilities_are_taken_as_they_are_and_one_logit_is_against_nothing(tmp_path):
    nodes = [helper.make_node("ReduceMean", ["x"], ["out"], axes=[1, 2, 3], keepdims=0)]
    path = save(tmp_path / "a.onnx", nodes, [1, 3, 8, 8])
    grey = np.full((1, 8, 8, 3), 204, np.uint8)  # 0.6 of -1..1
    assert detectors.nudity(path, grey) == pytest.approx(1 / (1 + np.exp(-0.6)), abs=1e-5)
    (tmp_path / "a.json").write_text('{"logits": false}')
    detectors.network.cache_clear()
    assert detectors.nudity(path, grey) == pytest.approx(0.6, abs=1e-5)


@pytest.mark.parametrize(
    "sidecar, told",
    [("{", "a.json: "), ("[1]", "a.json: "), ('{"men": []}', "Did you mean 'mean'"), ('{"harmful": [2]}', "has 2 outputs")],
)
def test_a_wrong_sidecar_is_named(tmp_path, sidecar, told):
    (tmp_path / "a.json").write_text(sidecar)
    with pytest.raises(ValueError, match=told):
        detectors.try_out(DetectConfig(nsfw=redness(tmp_path / "a.onnx")))


def test_a_wrong_network_is_named(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        detectors.try_out(DetectConfig(nsfw=str(tmp_path / "none.onnx")))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="no network in ONNX format"):
        detectors.try_out(DetectConfig(nsfw=str(tmp_path / "text.onnx")))
    wide = save(tmp_path / "wide.onnx", [helper.make_node("Identity", ["x"], ["out"])], [1, 4, 8, 8])
    with pytest.raises(ValueError, match="Wanted pictures"):
        detectors.try_out(DetectConfig(nsfw=wide))


def test_without_onnxruntime_the_error_says_what_to_install(monkeypatch, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    footage.compress(tmp_path / "in" / "a.mp4", made.film(1, 24), 24)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = ["data", "build", str(tmp_path / "in"), "-o", str(tmp_path / "set"), "--no-encode", "detect.nsfw=a.onnx"]
    assert run(words) == 1
    assert "pip install 'skyloom[detectors]'" in capsys.readouterr().err


def test_a_build_drops_what_the_classifier_finds(tmp_path):
    """In the bounded processes of a real build, and by another bound without a decode."""
    (tmp_path / "in").mkdir()
    film = made.film(1, 24)
    red, green = film.copy(), film.copy()
    red[..., 0] = np.maximum(red[..., 0], 230)
    green[..., 0] //= 4
    footage.compress(tmp_path / "in" / "red.mp4", red, 24)
    footage.compress(tmp_path / "in" / "green.mp4", green, 24)
    setting = f"detect.nsfw={redness(tmp_path / 'a.onnx')}"
    words = ["-o", str(tmp_path / "set"), "shots.min_seconds=0.1"]
    assert run(["data", "build", str(tmp_path / "in"), "--no-encode", setting, *words, "score.most_nsfw=0.6"]) == 0
    rows = shots_of(tmp_path / "set")
    assert rows["red.mp4"]["scores"]["nsfw"] > 0.6 > rows["green.mp4"]["scores"]["nsfw"]
    assert [why.split(":")[0] for why in rows["red.mp4"]["dropped"]].count("nsfw") == 1
    assert not any("nsfw" in why for why in rows["green.mp4"]["dropped"])
    assert "<figcaption>nsfw" in (tmp_path / "set" / "report.html").read_text(encoding="utf-8")
    assert run(["data", "score", "-o", str(tmp_path / "set"), "score.most_nsfw=1"]) == 0
    assert not any("nsfw" in why for why in shots_of(tmp_path / "set")["red.mp4"]["dropped"])
