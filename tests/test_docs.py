"""What is written is true: commands parse, targets and paths exist, every option is explained, the Python blocks run."""

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import App

import skyloom
from skyloom import generate as room
from skyloom.base import sizes
from skyloom.cli import app
from skyloom.generate import QUALITY
from skyloom.models.bundle import tiny_bundle
from skyloom.presets import PRESETS
from skyloom.worlds.nouns import core_nouns
from skyloom.worlds.scene import PLACES

ROOT = Path(skyloom.__file__).parent.parent
PAGES = ("README.md", "docs/guide.md", "docs/controls.md", "docs/data.md")
WRITTEN_BY_EVAL = "docs/RESULTS.md"  # the tables: made by `skyloom eval`


def text(page):
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", text(page), re.DOTALL)


def shell_lines(page):
    lines = [line.split("  #")[0].strip() for block in blocks(page, "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line]


def verbs(parent: App = app, before: str = "") -> dict[str, App]:
    found = {}
    for name in parent:
        if not name.startswith("-"):
            found |= {f"{before}{name}": parent[name]} | verbs(parent[name], f"{before}{name} ")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page):
    seen = 0
    for words in shell_lines(page):
        if words[0].endswith("skyloom"):
            app.parse_args(words[1:], exit_on_error=False, print_error=False)
            seen += 1
        elif words[0] == "make":
            assert re.search(rf"^{words[1]}:", text("Makefile"), re.MULTILINE), words
            seen += 1
    assert seen


@pytest.mark.parametrize("page", [*PAGES, "CHANGELOG.md"])
def test_links_and_targets_exist(page):
    for link in re.findall(r"\]\(([^)#]+)\)", text(page)):
        if not link.startswith("http") and (ROOT / page).parent / link != ROOT / WRITTEN_BY_EVAL:
            assert ((ROOT / page).parent / link).exists(), link
    for target in re.findall(r"`make ([a-z-]+)`?", text(page)):
        assert re.search(rf"^{target}:", text("Makefile"), re.MULTILINE), target


@pytest.mark.parametrize("page", PAGES)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    bundle = tiny_bundle(0)
    quick = {name: room.Quality(1, 3.0) for name in QUALITY}
    monkeypatch.setattr(room, "load_bundle", lambda model, lora=(): bundle)
    for name, quality in quick.items():
        monkeypatch.setitem(QUALITY, name, quality)
    monkeypatch.setitem(sizes.SIZES, "square", (64, 64))
    monkeypatch.setitem(sizes.SIZES, "tall", (96, 64))
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "python"):
        exec(block, {})
    assert page != "README.md" or (tmp_path / "fox.mp4").is_file()


def test_every_verb_and_option_is_in_the_guide():
    guide = text("docs/guide.md") + text("docs/controls.md") + text("docs/server.md") + text("docs/data.md")
    for verb, command in verbs().items():
        assert f"skyloom {verb}" in guide, verb
        if command.default_command is None:
            continue
        for argument in command.assemble_argument_collection():
            for name in argument.names:
                if name.startswith("-") and not name.startswith("--no-"):
                    assert f"{name}" in guide, f"{verb} {name}"


def test_the_tree_in_the_readme_is_the_tree():
    tree = re.findall(r"^  ([a-z]+(?:\.py|/)) ", text("README.md"), re.MULTILINE)
    package = ROOT / "skyloom"
    real = {f.name for f in package.glob("*.py") if not f.name.startswith("__")}
    real |= {f"{f.parent.name}/" for f in package.glob("*/__init__.py")}
    assert set(tree) == real


def test_numbers_in_words_are_the_numbers():
    readme, guide = text("README.md"), text("docs/guide.md")
    cast = int(re.search(r"about (\d+) characters", readme)[1])
    assert abs(cast - len(core_nouns())) <= 10
    assert f"{len(PLACES)} painted places" in readme
    assert "4, 12 or 24 steps" in guide
    assert [QUALITY[name].steps for name in ("fast", "good", "best")] == [4, 12, 24]
    for name, (height, width) in sizes.SIZES.items():
        assert f"`{name}` {width}x{height}" in guide
    longest = max(bucket.frames for bucket in PRESETS["storybook"].model.buckets)
    assert f"{int(100 * longest / 12) / 100}" in readme
    assert all(name in readme for name in PRESETS)


def test_pins_are_exact_and_cover_what_is_declared():
    pins = dict(line.split("==") for line in text("constraints.txt").splitlines() if line and not line.startswith("#"))
    declared = re.findall(r'^\s+"([a-z-]+)[><=]', text("pyproject.toml"), re.MULTILINE)
    assert declared and set(declared) <= {name.lower() for name in pins}


def test_nothing_here_names_a_machine():
    for page in (*PAGES, "CHANGELOG.md", "Makefile", ".ci/run", "constraints.txt", "pyproject.toml"):
        assert not re.search(r"/root/|/home/|/work/|/opt/", text(page)), page
