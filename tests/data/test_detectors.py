"""Networks that a user brings: small ONNX graphs that really compute, in a whole build, and what wrong files are told."""

import shutil
import sys
from pathlib import Path

import footage_files as made
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageDraw, ImageFont

from skyloom.base import footage
from skyloom.cli import run
from skyloom.data import detectors, shots
from skyloom.data.build import analyse
from skyloom.data.catalog import Catalog
from skyloom.data.measure import Meter
from skyloom.data.settings import DetectConfig, ShotConfig
from skyloom.evals.composites import Composite, composite


@pytest.fixture(autouse=True)
def forget():
    detectors.network.cache_clear()


def save(path: Path, nodes, shape, constants=None, *, outs=(("out", None),), kind=TensorProto.FLOAT) -> str:
    """A network from "x" of `shape` to `outs`, each a name and a shape."""
    held = [onnx.numpy_helper.from_array(np.asarray(value), key) for key, value in (constants or {}).items()]
    entry = helper.make_tensor_value_info("x", kind, shape)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, sides) for name, sides in outs]
    graph = helper.make_graph(nodes, "graph", [entry], ends, held)
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


def yunet(path: Path) -> str:
    """What OpenCV takes for YuNet: red cells of 32 x 32 pixels are faces, as large as the cell; finer cells never are."""
    nodes, outs, constants = [], [], {"flat1": [1, -1, 1], "flat4": [1, -1, 4], "flat10": [1, -1, 10]}
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node("AveragePool", ["x"], [f"mean_{stride}"], kernel_shape=[stride] * 2, strides=[stride] * 2)
        )
        for name, wide in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            key, weight = f"{name}_{stride}", np.zeros((wide, 3, 1, 1), np.float32)
            bias = np.array([0.5, 0.5, 0, 0] if name == "bbox" else [0] * wide, np.float32)  # from corner to middle
            if wide == 1 and stride == 32:
                weight[0, :, 0, 0] = (0, -1 / 150, 1 / 150)  # blue, green, red
            constants |= {f"{key}_w": weight, f"{key}_b": bias}
            nodes += [
                helper.make_node("Conv", [f"mean_{stride}", f"{key}_w", f"{key}_b"], [f"{key}_map"]),
                helper.make_node("Transpose", [f"{key}_map"], [f"{key}_last"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"{key}_last", f"flat{wide}"], [key]),
            ]
            outs.append((key, [1, f"cells_{stride}", wide]))
    return save(path, nodes, [1, 3, "height", "width"], constants, outs=outs)


def transnet(path: Path) -> str:
    """In TransNetV2's place: a logit a picture, half the mean step of all colours to the next picture less 8."""
    nodes = [
        helper.make_node("Cast", ["x"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["values", "one", "end", "axis"], ["after"]),
        helper.make_node("Slice", ["values", "zero", "before_end", "axis"], ["before"]),
        helper.make_node("Sub", ["after", "before"], ["step"]),
        helper.make_node("Abs", ["step"], ["size"]),
        helper.make_node("ReduceMean", ["size"], ["mean"], axes=[2, 3, 4], keepdims=0),
        helper.make_node("Mul", ["mean", "half"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "bound"], ["logit"]),
        helper.make_node("Pad", ["logit", "pads", "low"], ["padded"]),
        helper.make_node("Unsqueeze", ["padded", "last"], ["out"]),
    ]
    constants = {
        "zero": [0], "one": [1], "end": [100], "before_end": [99], "axis": [1], "last": [2], "pads": [0, 0, 0, 1],
        "half": np.float32(0.5), "bound": np.float32(8), "low": np.float32(-9),
    }  # fmt: skip
    return save(path, nodes, [1, 100, 27, 48, 3], constants, kind=TensorProto.UINT8)


def plain(red: int, green: int) -> np.ndarray:
    return np.full((2, 48, 64, 3), (red, green, 90), np.uint8)


def joined_by(kind: str) -> Composite:
    """Drawn scenes of which the first two are joined so."""
    return next(one for one in (composite(seed, defects=()) for seed in range(20)) if one.joins[0].kind == kind)


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


def test_faces_are_counted_and_their_share_is_that_of_the_picture(tmp_path):
    path = yunet(tmp_path / "yunet.onnx")
    frame = np.full((128, 200, 3), 60, np.uint8)  # OpenCV adds to 224 x 128
    assert detectors.faces(path, frame) == {"faces": 0, "face_area": 0.0}
    frame[32:64, 32:64] = frame[96:, 128:160] = (220, 40, 40)
    assert detectors.faces(path, frame) == {"faces": 2, "face_area": pytest.approx(2 * 32 * 32 / (128 * 200))}
    frame[..., ::-1] = frame.copy()  # blue is not red
    assert detectors.faces(path, frame)["faces"] == 0


def test_a_face_that_sticks_out_counts_as_far_as_it_shows(tmp_path):
    frame = np.full((64, 80, 3), 60, np.uint8)
    frame[:32, 64:] = (255, 0, 0)  # half of a cell
    found = detectors.faces(yunet(tmp_path / "yunet.onnx"), frame)
    assert found == {"faces": 1, "face_area": pytest.approx(32 * 16 / (64 * 80))}


def test_a_file_that_is_not_yunet_is_named(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        detectors.try_out(DetectConfig(faces=str(tmp_path / "none.onnx")))
    with pytest.raises(RuntimeError, match="Wanted YuNet"):
        detectors.try_out(DetectConfig(faces=redness(tmp_path / "red.onnx")))


def test_a_build_counts_faces_and_drops_them_only_if_told(tmp_path):
    (tmp_path / "in").mkdir()
    film = made.film(1, 48, (128, 160))
    film[30:, 32:64, 32:64] = (230, 30, 30)  # later in the shot
    footage.compress(tmp_path / "in" / "a.mp4", film, 24)
    words = ["-o", str(tmp_path / "set"), "shots.min_seconds=0.1"]
    setting = f"detect.faces={yunet(tmp_path / 'yunet.onnx')}"
    assert run(["data", "build", str(tmp_path / "in"), "--no-encode", setting, *words]) == 0
    row = shots_of(tmp_path / "set")["a.mp4"]
    assert row["scores"]["faces"] == 1 and row["scores"]["face_area"] == pytest.approx(0.05)
    assert not any("faces" in why for why in row["dropped"])
    assert run(["data", "score", "score.most_faces=0", *words]) == 0
    assert "faces: 0.05 > 0" in shots_of(tmp_path / "set")["a.mp4"]["dropped"]


@pytest.mark.parametrize("count", [1, 24, 25, 50, 51, 75, 76, 149, 230])
def test_windows_give_each_picture_its_own_number(tmp_path, count):
    """Whatever the length and at borders of windows too: what is said of a picture is the step to the next one."""
    net = detectors.TransNet(transnet(tmp_path / "t.onnx"))
    grey = np.random.default_rng(count).integers(0, 40, count)
    for level in grey:
        net.add(np.full((30, 60, 3), level, np.uint8))
    steps = np.abs(np.diff(np.append(grey, grey[-1:])))
    assert net.result() == pytest.approx(1 / (1 + np.exp(8 - steps / 2)), abs=1e-5)


def test_a_run_of_marks_is_a_gradual_change():
    marked = np.array([0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1], bool)
    assert shots.by_network(marked) == [shots.Transition("cut", 3, 3), shots.Transition("dissolve", 6, 8)]
    assert shots.by_network(np.zeros(9, bool)) == []


def test_the_network_says_where_shots_end(tmp_path):
    """Where it is never sure enough, a cut that our own finder sees is none."""
    one = joined_by("cut")
    film, cut = one.frames[: one.parts[1].end], one.joins[0].start
    footage.compress(tmp_path / "a.mp4", film, 24)
    path = transnet(tmp_path / "t.onnx")
    own, by_net, never = (
        analyse(tmp_path / "a.mp4", tmp_path, False, ShotConfig(min_seconds=0, transnet=net, transnet_sure=sure), ())["joins"]
        for net, sure in (("", 0.5), (path, 0.5), (path, 2.0))
    )
    assert own == by_net == [["cut", cut, cut]]
    assert never == []


def test_a_dissolve_must_hold_a_mark_of_the_network(tmp_path):
    one = joined_by("dissolve")
    footage.compress(tmp_path / "a.mp4", one.frames[: one.parts[1].end], 24)
    meter = Meter()
    for picture in footage.pictures(tmp_path / "a.mp4"):
        meter.add(picture)
    film = meter.result()
    (found,) = shots.transitions(film)
    assert found.kind == "dissolve" and abs(found.start - one.joins[0].start) <= 2
    middle = (found.start + found.end) // 2
    assert shots.transitions(film, [shots.Transition("cut", middle, middle)]) == [found]
    assert shots.transitions(film, []) == []


def test_a_network_that_is_not_transnet_is_named(tmp_path):
    few = save(tmp_path / "few.onnx", [helper.make_node("ReduceMean", ["x"], ["out"], axes=[1])], [1, 100, 27, 48, 3])
    with pytest.raises(ValueError, match="Wanted TransNetV2"):
        detectors.try_out(DetectConfig(), few)
    with pytest.raises(RuntimeError, match="cannot take"):
        detectors.try_out(DetectConfig(), redness(tmp_path / "red.onnx"))


READER = """#!{python}
import io, sys
from PIL import Image
if "tlh" in sys.argv:
    sys.exit("Failed loading language 'tlh'")
image = Image.open(io.BytesIO(sys.stdin.buffer.read())).convert("L")
side = str(max(image.size))
words = [("1", "95", "bright"), ("1", "95", "scene"), ("1", "95", "|"), ("2", "12", "unsure"), ("2", "60.5", side)]
if image.resize((1, 1), Image.BOX).getpixel((0, 0)) < 100:
    words = words[3:]
print("level page_num block_num par_num line_num word_num left top width height conf text".replace(" ", "\\t"))
print("4 1 1 1 1 0 0 0 0 0 -1 ".replace(" ", "\\t"))
for line, conf, word in words:
    print("\\t".join(["5", "1", line, "1", "1", "1", "0", "0", "9", "9", conf, word]))
"""


@pytest.fixture
def reader(tmp_path, monkeypatch):
    """A program in tesseract's place: two words in a bright picture, the long side in every one, and what it is not sure of."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tesseract").write_text(READER.format(python=sys.executable))
    (tmp_path / "bin" / "tesseract").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_sure_words_come_in_lines(reader):
    assert detectors.read("eng", np.full((90, 160), 200, np.uint8)) == ("bright scene", "1280")
    assert detectors.read("eng", np.full((3000, 2000), 20, np.uint8)) == ("1280",)


def test_a_missing_program_or_language_is_named(reader, monkeypatch):
    with pytest.raises(RuntimeError, match=r"language 'tlh'.*--list-langs"):
        detectors.try_out(DetectConfig(read="tlh"))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="apt install tesseract-ocr"):
        detectors.try_out(DetectConfig(read="eng"))


def test_of_many_pictures_each_line_stays_once():
    assert detectors.text_of(["The end", "end", "THE END", "Part two", "The end"]) == "The end\nTHE END\nPart two"
    assert detectors.text_of([]) == ""


def written(text: str) -> np.ndarray:
    film = made.film(3, 36, (360, 640)).copy()
    for frame in film:
        image = Image.fromarray(frame)
        draw = ImageDraw.Draw(image)
        draw.rectangle((30, 270, 610, 340), fill=(0, 0, 0))
        draw.text((50, 280), text, font=ImageFont.load_default(40), fill=(255, 255, 255))
        frame[:] = np.asarray(image)
    return film


def built(tmp_path: Path) -> dict[str, dict]:
    """Shots of a film with text and of one without, by a build that reads."""
    (tmp_path / "in").mkdir()
    footage.compress(tmp_path / "in" / "text.mp4", written("Breaking news tonight"), 24)
    footage.compress(tmp_path / "in" / "none.mp4", made.film(5, 36, (360, 640)), 24)
    words = ["detect.read=eng", "score.most_words=2", "shots.min_seconds=0.1", "-o", str(tmp_path / "set")]
    assert run(["data", "build", str(tmp_path / "in"), "--no-encode", *words]) == 0
    return shots_of(tmp_path / "set")


def test_a_build_reads_only_where_letters_are(tmp_path, reader):
    rows = built(tmp_path)
    assert rows["text.mp4"]["text"].endswith("1280") and rows["text.mp4"]["scores"]["words"] >= 1
    assert rows["none.mp4"]["text"] == "" and rows["none.mp4"]["scores"]["words"] == 0


@pytest.mark.full
@pytest.mark.skipif(not shutil.which("tesseract"), reason="needs tesseract: apt install tesseract-ocr")
def test_tesseract_reads_what_is_burned_in(tmp_path):
    rows = built(tmp_path)
    assert "Breaking news tonight" in rows["text.mp4"]["text"]
    assert "words: 3 > 2" in rows["text.mp4"]["dropped"] and "words: 0 > 2" not in rows["none.mp4"]["dropped"]
