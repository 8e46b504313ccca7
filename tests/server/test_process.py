"""The processes as people start them, and the addresses that are never called."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import openai
import pytest
from conftest import ROOT, until

import skyloom.server
from skyloom.cli import run
from skyloom.server import fetching
from skyloom.server.fetching import Refused

HOSTILE = """
file:///etc/passwd  ftp://example.com/a  gopher://127.0.0.1/  //127.0.0.1/  http://  http:///a
http://user:pw@example.com/  http://user@127.0.0.1/  http://127.0.0.1/  http://127.1/  http://2130706433/
http://0x7f000001/  http://0177.0.0.1/  http://0/  http://0.0.0.0/  http://[::1]/  http://[::]/
http://[::ffff:127.0.0.1]/  http://[::ffff:7f00:1]/  http://[64:ff9b::7f00:1]/  http://[2002:7f00:1::]/
http://[fe80::1]/  http://[fc00::1]/  http://[fe80::1%25lo]/  http://10.0.0.1/  http://172.16.0.1/  http://192.168.1.1/
http://169.254.169.254/latest/meta-data/  http://100.64.0.1/  http://224.0.0.1/  http://255.255.255.255/
http://localhost/  http://localhost./  http://LOCALHOST/  http://127.0.0.1:99999/  http://127.0.0.1:x/
http://example.com\\@127.0.0.1/  http://127.0.0.1#@example.com/  http://①②⑦.⓪.⓪.①/  http://nothing.invalid/
""".split()


@pytest.mark.parametrize("url", HOSTILE)
def test_no_address_inside_is_called(url):
    with pytest.raises(Refused):
        fetching.call("GET", url, most=10)


def test_urls_of_other_domains_are_not_asked_for():
    for url in ("https://example.org/a.png", "https://badexample.com/", "https://example.com.evil.org/"):
        with pytest.raises(Refused, match="not fetched from there"):
            fetching.fetch(url, ("example.com",), 10)


def test_a_name_is_resolved_once_and_every_address_of_it_is_checked(monkeypatch):
    found = [(socket.AF_INET, 1, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(Refused, match="private address"):
        fetching.resolve("two.example", 80)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found[:1])
    assert fetching.resolve("one.example", 80) == "93.184.216.34"


def test_an_open_server_without_keys_does_not_start(tmp_path, model, capsys):
    assert run(["serve", "--host", "0.0.0.0", "--home", str(tmp_path), "--model", model]) == 2
    assert "skyloom key new NAME" in capsys.readouterr().err


def test_a_server_without_its_libraries_says_what_to_type(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "skyloom.server.process", raising=False)
    monkeypatch.delattr(skyloom.server, "process", raising=False)
    assert run(["serve", "--home", str(tmp_path)]) == 1
    assert "pip install 'skyloom[server]'" in capsys.readouterr().err


@pytest.mark.full
def test_serve_starts_films_and_stops(tmp_path, model):
    env = os.environ | {"SKYLOOM_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "skyloom", "serve", "--port", "0", "--model", model]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as server:
        address = re.search(r"http://\S+(?=/v1 )", server.stdout.readline())[0]
        until(lambda: _ready(address))
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
            film = client.videos.create_and_poll(prompt="a fox", seconds="0.5", size="64x64")
        assert film.status == "completed"
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


@pytest.mark.full
def test_the_api_alone_removes_what_was_left(tmp_path, model):
    left = tmp_path / "media" / f"video_{'0' * 32}"
    left.mkdir(parents=True)
    os.utime(left, (1, 1))
    env = os.environ | {"SKYLOOM_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "skyloom", "serve", "--port", "0", "--no-worker", "--model", model]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as server:
        server.stdout.readline()
        until(lambda: not left.exists())
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def _ready(address):
    try:
        with urllib.request.urlopen(f"{address}/readyz") as answer:
            return json.load(answer)["ready"]
    except OSError:
        return False
