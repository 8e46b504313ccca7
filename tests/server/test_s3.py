"""The storage's tests once more, on S3 as moto's server speaks it. Both packages pin what others pin: each lives apart."""

import os
import socket
import subprocess
import sys
import urllib.request
import venv

import pytest
from conftest import PATIENCE, ROOT, until

pytestmark = pytest.mark.full
INSTALL = 900  # seconds


def run(*command, seconds=INSTALL, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds, **options)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """The address of an S3 of our own, with a bucket in it."""
    folder = tmp_path_factory.mktemp("moto")
    venv.create(folder, with_pip=True)
    run(folder / "bin" / "python", "-m", "pip", "install", "-q", "moto[server]>=5.1")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([folder / "bin" / "moto_server", "-p", str(port)], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _made(f"{url}/films"))
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _made(bucket):
    try:
        with urllib.request.urlopen(urllib.request.Request(bucket, method="PUT")) as answer:
            return answer.status == 200
    except OSError:
        return False


def test_the_storage_on_s3(s3, tmp_path):
    run(sys.executable, "-m", "pip", "install", "-q", "--target", tmp_path / "s3fs", "s3fs>=2026.9")
    env = os.environ | {
        "PYTHONPATH": str(tmp_path / "s3fs"),
        "SKYLOOM_TEST_STORAGE": "s3://films/",
        "FSSPEC_S3_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    tests = ["-q", "-p", "no:cacheprovider", "-o", "filterwarnings=ignore", "tests/server/test_storage.py"]  # warnings of s3fs
    run(sys.executable, "-m", "pytest", *tests, cwd=ROOT, env=env)
