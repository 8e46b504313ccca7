"""What a film was made from stands in its manifest, with what the sources say of themselves."""

import base64
import http.server
import io
import threading

import numpy as np
import openai
import pytest
from conftest import png
from PIL import Image

from skyloom.base.video import encode
from skyloom.cli import run
from skyloom.server import provenance
from skyloom.server.provenance import COMPONENT, INPUT, PARENT, Signer, Source

QUICK = {"steps": 1, "seed": 1}
JSON = {"Content-Type": "application/json"}
PLAIN = encode(np.full((12, 64, 64, 3), 90, np.uint8), 12, "mp4")


@pytest.fixture(scope="module")
def films(client):
    return [
        client.videos.create_and_poll(prompt=prompt, seconds="1", size="64x64", extra_body=QUICK).id
        for prompt in ("a red fox runs", "a fox in the snow")
    ]


def sources(client, served, film, folder):
    film = client.videos.poll(film if isinstance(film, str) else film.id)
    assert film.status == "completed", film.error
    path = folder / "f.mp4"
    client.videos.download_content(film.id).write_to_file(path)
    report = provenance.verify(path, (served.settings.root / "signing" / "root.pem").read_text())
    assert report["intact"] and report["trusted"], report
    assert all(each["intact"] and each["by"] == "Skyloom" for each in report["sources"] if each["signed"])
    return [(each["title"], each["relation"], each["signed"]) for each in report["sources"]]


def test_a_film_of_words_has_none(client, served, films, tmp_path):
    assert sources(client, served, films[0], tmp_path) == []


def test_remixes_edits_and_extensions_have_a_parent(client, served, films, tmp_path):
    first = [(films[0], PARENT, True)]
    assert sources(client, served, client.videos.remix(films[0], prompt="a fox", extra_body=QUICK), tmp_path) == first
    extra = QUICK | {"video": films[0]}
    longer = client.videos.extend(prompt="a fox", seconds="0.5", video=openai.omit, extra_body=extra)
    assert sources(client, served, longer, tmp_path) == first
    again = client.videos.remix(longer.id, prompt="a fox in the snow", extra_body=QUICK)
    assert sources(client, served, again, tmp_path) == [(longer.id, PARENT, True)]
    foreign = client.videos.edit(prompt="a fox", video=("v.mp4", PLAIN, "video/mp4"), extra_body=QUICK)
    assert sources(client, served, foreign, tmp_path) == [("clip.mp4", PARENT, False)]


def test_a_bridge_and_a_cut_name_both(client, served, films, tmp_path, capsys):
    body = QUICK | {"video": films[0], "to": {"id": films[1]}}
    bridge = client.videos.create(prompt="a fox", seconds="0.5", extra_body=body, extra_headers=JSON)
    assert sources(client, served, bridge, tmp_path) == [(films[0], PARENT, True), (films[1], COMPONENT, True)]
    pieces = [{"id": films[1]}, {"id": films[0], "start": 0.5}, {"id": films[1], "end": 0.25}]
    whole = client.post("/videos/cuts", body={"pieces": pieces}, cast_to=dict)["id"]
    assert sources(client, served, whole, tmp_path) == [(films[1], COMPONENT, True), (films[0], COMPONENT, True)]
    assert run(["verify", str(tmp_path / "f.mp4"), "--home", str(served.settings.root)]) == 0
    assert f"with {films[0]}: intact; signed by Skyloom\n" in capsys.readouterr().out


def test_pictures_are_inputs(client, served, tmp_path):
    body = QUICK | {"input_reference": {"image_url": "data:image/png;base64," + base64.b64encode(png()).decode()}}
    film = client.videos.create(prompt="a fox", seconds="1", size="64x64", extra_body=body, extra_headers=JSON)
    assert sources(client, served, film, tmp_path) == [("image.png", INPUT, False)]


def test_sources_that_were_changed_and_that_cannot_be_read(served, tmp_path):
    signer = Signer(served.settings)
    changed = bytearray(signer.sign(PLAIN, "video/mp4", {"prompt": "a fox"}))
    changed[-40] ^= 255
    (tmp_path / "changed.mp4").write_bytes(changed)
    (tmp_path / "film.webm").write_bytes(b"\x1a\x45\xdf\xa3")
    (tmp_path / "broken.png").write_bytes(png()[:40])
    given = [Source(tmp_path / "changed.mp4", "changed", PARENT), Source(tmp_path / "film.webm", "webm", INPUT)]
    given += [Source(tmp_path / "broken.png", "broken", INPUT)]
    (tmp_path / "new.mp4").write_bytes(signer.sign(PLAIN, "video/mp4", None, given))
    report = provenance.verify(tmp_path / "new.mp4")
    assert report["intact"] and report["sources"][0] == {
        "title": "changed", "relation": PARENT, "signed": True, "intact": False, "by": "Skyloom"
    }  # fmt: skip
    assert not any(each["signed"] for each in report["sources"][1:])


def test_nobody_goes_where_a_file_points(served, tmp_path):
    """XMP may name the address of a manifest."""
    asked = []

    class Ear(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    xmp = (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        'xmlns:dcterms="http://purl.org/dc/terms/" '
        f'dcterms:provenance="http://127.0.0.1:{server.server_port}/m.c2pa"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    path = tmp_path / "far.jpg"
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "JPEG", xmp=xmp.encode())
    path.write_bytes(buffer.getvalue())
    try:
        assert provenance.verify(path) == {"signed": False}
        Signer(served.settings).sign(PLAIN, "video/mp4", None, [Source(path, "far", INPUT)])
        assert asked == []
    finally:
        server.shutdown()
        server.server_close()
