"""The page for those who come from the hosted API is true: its Python runs, block after block, against a real server."""

import re
import time

import openai
from conftest import ROOT

from skyloom.generate.request import QUALITY, Quality
from skyloom.server import orders, webhooks

PAGE = "docs/sora.md"


def test_the_blocks_run(served, monkeypatch, tmp_path):
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    monkeypatch.setitem(QUALITY, "good", Quality(1, 1.0))
    monkeypatch.setattr(orders, "DEFAULT_SIZE", "64x96")
    secret = webhooks.new_secret()
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"OpenAI": openai.OpenAI}
    for block in blocks:
        for said, here in (("http://127.0.0.1:8440", served.url), ("1280x720", "96x64"), ("1024x1024", "64x64")):
            block = block.replace(said, here)
        exec(block, names)
    assert len(blocks) == 6 and (tmp_path / "fox.mp4").stat().st_size > 1000 and (tmp_path / "fox.webp").is_file()
    made = [names["client"].videos.poll(names[name].id) for name in ("snow", "longer", "pictured", "beach", "loop", "story")]
    assert [film.status for film in made] == ["completed"] * 6, [film.error for film in made]
    body = b'{"id": "evt_1", "object": "event", "created_at": 1, "type": "video.completed", "data": {"id": "video_1"}}'
    now = int(time.time())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": webhooks.sign(secret, "evt_1", now, body),
    }
    assert names["hook"](body, headers, secret) == "video_1"
