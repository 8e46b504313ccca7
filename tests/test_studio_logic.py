"""The studio's own tests and types, and its bundle, where there is an npm to run them with."""

import filecmp
import shutil
import subprocess
from pathlib import Path

import pytest

import skyloom

PACKAGE = Path(skyloom.__file__).parent
STUDIO = PACKAGE.parent / "studio"
BUNDLE = PACKAGE / "server" / "studio"

pytestmark = [pytest.mark.full, pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")]


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """A copy of the studio with its packages."""
    folder = tmp_path_factory.mktemp("copy") / "studio"
    shutil.copytree(STUDIO, folder, ignore=shutil.ignore_patterns("node_modules"))
    npm(folder, "ci", "--no-audit", "--no-fund")
    return folder


def npm(folder, *arguments):
    done = subprocess.run(["npm", *arguments], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"npm {' '.join(arguments)}: {done.stdout[-3000:]} {done.stderr[-3000:]}"


def test_the_logic_of_the_studio_and_its_types(studio):
    npm(studio, "run", "check")
    npm(studio, "test")


def test_the_bundle_in_the_package_is_built_from_these_sources(studio):
    npm(studio, "run", "build")
    built = studio.parent / "skyloom" / "server" / "studio"
    names = [sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file()) for root in (built, BUNDLE)]
    assert names[0] == names[1], "the studio has changed: make studio"
    _, different, unread = filecmp.cmpfiles(built, BUNDLE, names[0], shallow=False)
    assert different == unread == [], "the studio has changed: make studio"
