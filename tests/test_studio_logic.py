"""The studio's own tests and types, where there is an npm to run them with."""

import shutil
import subprocess
from pathlib import Path

import pytest

import skyloom

STUDIO = Path(skyloom.__file__).parent.parent / "studio"


@pytest.mark.full
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_logic_of_the_studio_and_its_types(tmp_path):
    studio = shutil.copytree(STUDIO, tmp_path / "studio", ignore=shutil.ignore_patterns("node_modules"))
    for command in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "check"], ["npm", "test"]):
        done = subprocess.run(command, cwd=studio, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
