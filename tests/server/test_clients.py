"""The real clients from elsewhere, installed by the tests: Node's of today, and Python's of a year ago."""

import re
import shutil
import subprocess
import venv

import pytest
from conftest import PATIENCE, ROOT, Server, png

pytestmark = pytest.mark.full
HERE = ROOT / "tests" / "server"
INSTALL = 600  # seconds


@pytest.fixture
def served(tmp_path, model):
    server = Server(tmp_path / "home", model, webhook_private=True)
    server.hire()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "fox.png").write_bytes(png())
    return tmp_path / "files"


def run(*command, cwd, seconds=2 * PATIENCE):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_node_client(served, folder, tmp_path):
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("Node.js is not installed")
    package = tmp_path / "node"
    package.mkdir()
    shutil.copy(HERE / "node_client.mjs", package)
    run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "openai@7", cwd=package, seconds=INSTALL)
    assert run("node", "node_client.mjs", f"{served.url}/v1", folder, cwd=package).endswith("ok\n")
    (block,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs" / "sora.md").read_text(encoding="utf-8"), re.DOTALL)
    block = block.replace("http://127.0.0.1:8440", served.url).replace("1280x720", "64x64").replace("'4'", "'0.5'")
    (package / "page.mjs").write_text(block, encoding="utf-8")
    status, size = run("node", "page.mjs", cwd=package).split()
    assert status == "completed" and int(size) > 1000


def test_a_python_client_of_a_year_ago(served, folder, tmp_path):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "openai~=2.8.0", cwd=tmp_path, seconds=INSTALL)
    assert run(python, "-W", "ignore", HERE / "old_client.py", f"{served.url}/v1", folder, cwd=tmp_path).endswith("ok\n")
