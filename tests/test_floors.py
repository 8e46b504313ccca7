"""The law of the house: imports go down between floors, files and functions stay short, torch waits until it is needed."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import skyloom

ROOT = Path(skyloom.__file__).parent
FLOORS = [
    {"base", "config"},
    {"presets", "models", "diffusion", "worlds"},
    {"data", "generate"},
    {"evals"},
    {"train", "server"},
    {"cli"},
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}
LIBRARIES = {  # one library, one file; only command line and server have one for each group of verbs or routes
    "av": {"base/video.py", "base/footage.py", "base/retiming.py"},
    "cyclopts": {"cli/root.py", "cli/films.py", "cli/training.py", "cli/evaluation.py", "cli/serving.py", "cli/datasets.py"},
    "safetensors": {"base/checkpoint.py"},
    "ray": {"data/cluster.py"},
    "scenedetect": {"data/measure.py"},
    "pyarrow": {"data/shards.py"},
    "c2pa": {"server/provenance.py"},
    "cryptography": {"server/provenance.py"},
    "dbos": {"server/jobs.py"},
    "fastapi": {"server/app.py", "server/hooks.py", "server/images.py", "server/studio_routes.py", "server/videos.py"},
    "fsspec": {"server/storage.py", "data/storage.py"},  # floors that do not meet
    "mcp": {"server/mcp.py"},
    "onnxruntime": {"data/detectors.py"},
    "prometheus_client": {"server/metrics.py"},
    "pydantic": {"server/mcp.py", "server/wire.py"},
    "sqlalchemy": {"server/store.py", "server/tables.py"},
    "uvicorn": {"server/process.py"},
}
FUNCTION_LINES, TRAINER_LINES, FILE_LINES = 100, 150, 450


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def up_imports(file: Path, text: str) -> Iterator[str]:
    """Imports of a room on the same floor or higher. Inside the package we write relative imports only."""
    here = Path(name_of(file)).with_suffix("").parts
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.level and here[0] in FLOOR:
            above = here[: len(here) - node.level]
            rooms = above[:1] or (node.module.split(".")[:1] if node.module else [alias.name for alias in node.names])
            for room in rooms:
                if room != here[0] and FLOOR.get(room, -1) >= FLOOR[here[0]]:
                    yield f"{name_of(file)}:{node.lineno} imports {room}"


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_imports_go_down(file):
    assert list(up_imports(file, file.read_text(encoding="utf-8"))) == []


def test_the_law_sees_a_breach():
    assert list(up_imports(ROOT / "base" / "video.py", "def f():\n    from ..models import vae"))
    assert list(up_imports(ROOT / "diffusion" / "flow.py", "from ..models.dit import DiT"))
    assert list(up_imports(ROOT / "generate.py", "from .train import model"))
    assert not list(up_imports(ROOT / "train" / "model.py", "from ..models.dit import DiT\nfrom . import optim"))


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_imports_inside_the_package_are_relative(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        assert not [name for name in names if name.split(".")[0] == "skyloom"], f"{name_of(file)}:{node.lineno}"


def test_every_room_has_a_floor():
    rooms = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert rooms - set(FLOOR) <= {"__init__", "__main__"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_one_library_one_file(library):
    users = set()
    for file in modules():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            users |= {name_of(file) for name in names if name.split(".")[0] == library}
    assert users == LIBRARIES[library]


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_files_and_functions_stay_short(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            trainer = name_of(file).startswith("train/") and node.name == "main"
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= (TRAINER_LINES if trainer else FUNCTION_LINES), f"{name_of(file)}: {node.name} has {length} lines"


@pytest.mark.parametrize("file", modules(), ids=name_of)
def test_every_file_says_what_it_is(file):
    text = file.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize(
    "code",
    [
        "import skyloom; skyloom.__version__; dir(skyloom)",
        "from skyloom import cli; assert cli.run(['--help']) == 0",
        "from skyloom import cli; assert cli.run(['generate', '--help']) == 0",
        "import skyloom; skyloom.Request('a fox')",
        "from skyloom.server import app, making",
    ],
)
def test_torch_waits_until_it_is_needed(code):
    after = "; import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code + after], check=True, stdout=subprocess.DEVNULL)


def test_the_version_is_said_once():
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    assert project["version"] == skyloom.__version__
