"""A PostgreSQL of the tests' own: a fresh cluster on a free port, run by a user without rights, gone with its folder."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The URL of an empty database. Skips the test only where PostgreSQL is not there and cannot be installed."""
    programs, user = _programs(), _user()
    folder = Path(tempfile.mkdtemp(prefix="skyloom-pg-"))
    if user:
        shutil.chown(folder, user)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = {"user": user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c shared_buffers=16MB -c max_connections=100"
    control = [programs / "pg_ctl", "-D", folder / "data", "-w"]
    subprocess.run(
        [programs / "initdb", "-D", folder / "data", "-U", "skyloom", "-A", "trust", "-E", "UTF8", "--no-sync"], **run
    )
    subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], **run)
    try:
        yield f"postgresql://skyloom@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "fast", "stop"], **run)
        shutil.rmtree(folder)


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then it is another user's."""
    if os.getuid():
        return None
    return next(name for name in ("postgres", "nobody") if name in {user.pw_name for user in pwd.getpwall()})


def _programs() -> Path:
    """The folder of initdb and pg_ctl: on the path or where Debian has it, installed where it is missing."""
    if found := _look():
        return found
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "postgresql"]):
        try:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"PostgreSQL is not installed, and {' '.join(command)} cannot run: {error}")
        if done.returncode:
            pytest.skip(f"PostgreSQL is not installed, and {' '.join(command)} failed: {done.stderr.strip()[-300:]}")
    if found := _look():
        return found
    pytest.fail("PostgreSQL was installed, but its initdb is not found")


def _look() -> Path | None:
    if there := shutil.which("initdb"):
        return Path(there).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None
