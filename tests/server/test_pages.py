"""The page for those who come from the hosted API is true: its Python runs, block after block, against a real server."""

import re

import openai
from conftest import ROOT

from skyloom.generate.request import QUALITY, Quality
from skyloom.server import orders

PAGE = "docs/sora.md"


def test_the_blocks_run(served, monkeypatch, tmp_path):
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    monkeypatch.setitem(QUALITY, "good", Quality(1, 1.0))
    monkeypatch.setattr(orders, "DEFAULT_SIZE", "64x96")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"OpenAI": openai.OpenAI}
    for block in blocks:
        exec(block.replace("http://127.0.0.1:8440", served.url).replace("1280x720", "96x64"), names)
    assert len(blocks) == 3 and (tmp_path / "fox.mp4").stat().st_size > 1000 and (tmp_path / "fox.webp").is_file()
    made = [names["client"].videos.poll(names[name].id) for name in ("snow", "longer", "loop", "story")]
    assert [film.status for film in made] == ["completed"] * 4, [film.error for film in made]
