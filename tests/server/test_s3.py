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


@pytest.fixture(scope="module")
def on_s3(s3, tmp_path_factory):
    """Runs a file of tests with a place in the bucket for its storage."""
    packages = tmp_path_factory.mktemp("s3fs")
    run(sys.executable, "-m", "pip", "install", "-q", "--target", packages, "s3fs>=2026.9")
    env = os.environ | {
        "PYTHONPATH": str(packages),
        "FSSPEC_S3_ENDPOINT_URL": s3,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
    }

    def tests(file, place):
        command = ["-q", "-p", "no:cacheprovider", "-o", "filterwarnings=ignore", file]  # warnings of s3fs
        run(sys.executable, "-m", "pytest", *command, cwd=ROOT, env=env | {"SKYLOOM_TEST_STORAGE": place})

    return tests


def test_the_storage_on_s3(on_s3):
    on_s3("tests/server/test_storage.py", "s3://films/")


def test_data_sets_on_s3(on_s3):
    on_s3("tests/data/test_far.py", "s3://films/data/")
