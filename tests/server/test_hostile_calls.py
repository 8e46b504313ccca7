"""What is sent to harm: each gets a clear 4xx, the server stays alive and small, and nothing of it is kept."""

import http.client
import io
import json
import os
import struct
import zlib

import openai
import pytest

from skyloom.server.fetching import Refused, fetch

ADDRESSES = """
http://127.0.0.1/a.png http://127.1/a.png http://2130706433/a.png http://0x7f000001/a.png http://0177.0.0.1/a.png
http://localhost/a.png http://localhost./a.png http://LOCALHOST/a.png http://[::1]/a.png http://[::ffff:127.0.0.1]/a.png
http://[::ffff:7f00:1]/a.png http://[64:ff9b::7f00:1]/a.png http://[2002:7f00:1::]/a.png http://[fe80::1]/a.png
http://[fd00::1]/a.png http://0.0.0.0/a.png http://0/a.png http://10.0.0.1/a.png http://172.16.0.1/a.png
http://192.168.0.1/a.png http://100.64.0.1/a.png http://169.254.169.254/latest/meta-data http://224.0.0.1/a.png
http://255.255.255.255/a.png http://user@127.0.0.1/a.png http://good.example@127.0.0.1/a.png http://:@127.0.0.1/a.png
http://good.example:80@127.0.0.1/ http://127.0.0.1#good.example http://127.0.0.1\\good.example/ http://127.0.0.1%2f/a.png
http://127.0.0.1:99999/a.png http://127.0.0.1:x/a.png http://[::1/a.png http:///etc/passwd file:///etc/passwd
ftp://127.0.0.1/a.png gopher://127.0.0.1/_x data:text/html;base64,PHA+ javascript:alert(1) //127.0.0.1/a.png
http://good.example.evil.invalid/a.png http://evilgood.example/a.png
""".split()


@pytest.fixture(scope="module")
def client(quiet):
    return quiet.client()


def small(quiet):
    """Bytes that this process holds in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def alive(quiet):
    assert quiet.client()._client.get(f"{quiet.url}/healthz").status_code == 200
    assert quiet.service.store.open_jobs() == [] and list(quiet.service.media.root.iterdir()) == []


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side):
    """A PNG of a megabyte or so that says it is side x side pixels, and holds them all, black."""
    squeeze = zlib.compressobj(1)
    row = bytes(1 + side * 3)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("url", ADDRESSES)
def test_no_address_leads_inside(client, url):
    assert len(ADDRESSES) >= 40
    with pytest.raises(Refused):  # also where the very name is allowed, for the address behind it is not
        fetch(url, ("127.0.0.1", "localhost", "good.example", "127.1", "2130706433", "0", "::1"), 1000)
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(prompt="a fox", extra_body={"input_reference": {"image_url": url}})
    assert error.value.param == "input_reference"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "..%2f..%2fx", "/etc/passwd", "a\0b", "x" * 5000, "video_" + "0" * 32, "ü"]
)
def test_no_name_becomes_a_path(client, quiet, name):
    form = "--b\r\ncontent-disposition: form-data; name=prompt\r\n\r\na fox\r\n--b\r\ncontent-disposition: form-data; "
    form += f'name="input_reference"; filename="{name}"\r\n\r\nnot a picture\r\n--b--\r\n'
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client._client.post(f"{quiet.url}/v1/videos", content=form.encode(), headers=kind)
    assert answer.status_code == 400 and answer.json()["error"]["message"]
    answer = client._client.get(f"{quiet.url}/v1/videos/{name.replace(chr(0), '%00')[:300]}/content")
    assert answer.status_code in (400, 404) and set(answer.json()) == {"error"}
    alive(quiet)


def test_bombs_burst_in_a_process_of_their_own(client, quiet):
    before, data = small(quiet), bomb(9_000)  # 243 MB of pixels
    assert len(data) < 4 * 2**20
    for sent in (data, data[:400] + bytes(1000)):
        with pytest.raises(openai.BadRequestError) as error:
            client.videos.create(prompt="a fox", input_reference=("a.png", sent, "image/png"))
        assert error.value.code == "invalid_file"
    assert small(quiet) - before < 100 * 2**20
    alive(quiet)


@pytest.mark.parametrize("form", [False, True])
def test_json_of_millions_of_parts_is_counted_and_not_read(quiet, monkeypatch, form):
    """A part is three bytes here and a hundred in memory."""
    monkeypatch.setattr("json.loads", lambda *_, **__: pytest.fail("it was read"))
    parts, headers = b"[" + b"{}," * 2_000_000 + b"{}]", {"content-type": "application/json"}
    if form:
        parts = b'--b\r\ncontent-disposition: form-data; name="storyboard"\r\n\r\n' + parts
        parts += b'\r\n--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\na fox\r\n--b--\r\n'
        headers = {"content-type": "multipart/form-data; boundary=b"}
    connection = http.client.HTTPConnection("127.0.0.1", quiet.port)
    connection.request("POST", "/v1/videos", parts, headers)
    with connection.getresponse() as answer:
        text = answer.read().decode()
    assert answer.status == 400 and "4000002 objects, lists and commas: at most 100000" in text
    connection.close()
    alive(quiet)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"\xff\xd8\xff\xe0<?php system(1); ?>",
        b"RIFF\0\0\0\0WEBP" + b"PK\x03\x04" * 100,
        b"GIF89a/*" + b"\0" * 50,
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%PDF-1.7 " + b"\x89PNG\r\n\x1a\n",
        b"\0\0\0\x18ftypmp42" + b"\0" * 64,
        b"\x1a\x45\xdf\xa3" + b"\xff" * 64,
        b"ffconcat version 1.0\nfile /etc/passwd\n",
    ],
)
def test_files_that_are_two_things_are_neither(client, quiet, data):
    for name in ("input_reference", "video"):
        form = {"prompt": "a fox"} | ({"loop": "true"} if name == "video" else {})
        answer = client._client.post(f"{quiet.url}/v1/videos", data=form, files={name: ("a.png", data, "image/png")})
        assert answer.status_code == 400 and answer.json()["error"]["code"] in ("invalid_file", "invalid_type"), answer.text
    alive(quiet)


@pytest.mark.parametrize(
    "options",
    [
        {"seconds": "1e308"}, {"seconds": "inf"}, {"seconds": "-0.0"}, {"seconds": "٤" * 9}, {"seconds": "9" * 12},
        {"size": "2147483648x2"}, {"size": "2048x2048"}, {"size": "-64x64"}, {"size": "64x64x64"}, {"size": "٦٤x٦٤"},
        {"steps": 2**63}, {"seed": 2**64}, {"guidance": 1e30}, {"priority": -1}, {"storyboard": [{"at": 1e300, "prompt": "x"}]},
        {"storyboard": [{"at": i, "prompt": "x"} for i in range(65)]}, {"curve": "0:" * 300}, {"mask_box": "9" * 400},
        {"prompt": "x" * 40_000}, {"negative": "x" * 40_000}, {"characters": [{"id": "c"}] * 3},
    ],
)  # fmt: skip
def test_giant_numbers(client, quiet, options):
    json_body = {"Content-Type": "application/json"}
    with pytest.raises(openai.BadRequestError) as error:
        client.videos.create(**{"prompt": "a fox"}, extra_body=options, extra_headers=json_body)
    assert error.value.param and len(str(error.value)) < 2000
    alive(quiet)


def test_a_hundred_megabytes_are_heard_and_not_kept(quiet):
    before, most = small(quiet), 0
    connection = http.client.HTTPConnection("127.0.0.1", quiet.port)
    headers = {"content-type": "multipart/form-data; boundary=b", "content-length": str(100 * 2**20)}
    connection.request("POST", "/v1/videos", iter([bytes(2**20)] * 100), headers)
    with connection.getresponse() as answer:
        most = small(quiet) - before
        assert answer.status == 413 and json.load(answer)["error"]["code"] == "body_too_large"
    connection.close()
    assert most < 64 * 2**20
    alive(quiet)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--b", b"--b--", b"--b\r\n\r\n", b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"x: " + b"y" * 100_000 + b"\r\n\r\n--b--", b"\0" * 1000,
        b"".join(b'--b\r\ncontent-disposition: form-data; name="a%d"\r\n\r\nx\r\n' % i for i in range(1100)) + b"--b--\r\n",
        b'--b\r\ncontent-disposition: form-data; name="prompt[][][]"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n\xff\xfe\r\n--b--\r\n',
    ],
    ids=range(10),
)  # fmt: skip
def test_malformed_forms(client, quiet, body):
    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client._client.post(f"{quiet.url}/v1/videos", content=io.BytesIO(body).read(), headers=kind)
    if answer.status_code == 200:  # bytes that are no UTF-8 are read as what they may mean
        quiet.service.delete(quiet.service.store.get(answer.json()["id"]))
    else:
        assert answer.status_code == 400 and answer.json()["error"]["message"]
    alive(quiet)


@pytest.mark.parametrize("token", ["", "x" * 10_000, "sk-skyloom-\xff", "' OR 1=1 --", "../../x", "null"])
def test_bad_tokens(quiet, monkeypatch, token):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "require_key", True)
    connection = http.client.HTTPConnection("127.0.0.1", quiet.port)
    for kind in ("Bearer", "Basic", "bearer  ", ""):
        connection.request("GET", "/v1/videos", headers={"authorization": f"{kind} {token}".encode("latin-1")})
        with connection.getresponse() as answer:
            assert answer.status == 401 and json.load(answer)["error"]["code"] == "invalid_api_key"
    connection.close()


def test_what_is_left_is_told_and_a_full_share_is_retried(quiet, monkeypatch):
    monkeypatch.setattr(type(quiet.settings), "__setattr__", object.__setattr__)
    monkeypatch.setattr(quiet.settings, "max_waiting_per_key", 2)
    left, ids = [], []
    for _ in range(2):
        answer = quiet.client().videos.with_raw_response.create(prompt="a fox", size="64x64")
        ids.append(answer.parse().id)
        left.append((answer.headers["x-ratelimit-limit-requests"], answer.headers["x-ratelimit-remaining-requests"]))
    assert left == [("2", "1"), ("2", "0")] and answer.headers["ratelimit"].startswith('"waiting";r=0;t=')
    tries = []
    monkeypatch.setattr("time.sleep", tries.append)  # of the client, between its tries
    with pytest.raises(openai.RateLimitError) as error:
        quiet.client(max_retries=2).videos.create(prompt="a fox", size="64x64")
    assert error.value.response.headers["retry-after"] == "30" and error.value.code == "rate_limit_exceeded"
    assert error.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert [wait for wait in tries if wait > 1] == [30.0, 30.0]
    for id in ids:
        quiet.service.delete(quiet.service.store.get(id))
