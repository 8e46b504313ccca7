"""Other programs' ways to the server: ComfyUI's nodes, and tools of the Model Context Protocol."""

import asyncio
import importlib.util
import os
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image


@pytest.fixture(scope="module")
def nodes():
    spec = importlib.util.spec_from_file_location("skyloom_nodes", ROOT / "integrations" / "comfyui" / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NODE_CLASS_MAPPINGS


def call(node, server, **given):
    """A node as ComfyUI calls it: every required input, by name."""
    inputs = node.INPUT_TYPES()
    assert set(inputs["required"]) <= set(given) <= set(inputs["required"]) | set(inputs["optional"])
    values = getattr(node(), node.FUNCTION)(**given, server=server)
    assert len(values) == len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
    return values


def test_nodes_film_remix_and_extend(nodes, served):
    shape = {"seconds": 0.5, "width": 96, "height": 64, "seed": 7, "quality": "fast"}
    frames, fps, id = call(nodes["SkyloomFilm"], served.url, prompt="a fox", **shape)
    assert frames.shape == (6, 64, 96, 3) and frames.dtype == torch.float32 and fps == 12
    assert 0 <= frames.min() < frames.max() <= 1
    _, _, begun = call(nodes["SkyloomFilm"], f"{served.url}/v1/", prompt="a fox", **shape, first_frame=frames[:1])
    with Image.open(served.service.media.path(begun, "image.png")) as image:
        assert np.allclose(np.asarray(image) / 255, frames[0])
    remix, _, _ = call(nodes["SkyloomRemix"], served.url, id=id, prompt="a fox in the snow", strength=0.5)
    longer, _, _ = call(nodes["SkyloomExtend"], served.url, id=id, prompt="a fox", seconds=0.5)
    assert remix.shape == frames.shape and len(longer) == 12


def test_nodes_say_what_the_server_says(nodes, served):
    shape = {"seconds": 0.5, "width": 96, "height": 64, "seed": 7, "quality": "fast"}
    with pytest.raises(RuntimeError, match="No video with the id"):
        call(nodes["SkyloomRemix"], served.url, id="video_nope", prompt="a fox", strength=0.5)
    with pytest.raises(RuntimeError, match="skyloom serve"):
        call(nodes["SkyloomFilm"], "http://127.0.0.1:9", prompt="a fox", **shape)


@pytest.mark.full
def test_tools_of_the_model_context_protocol(served, tmp_path):
    mcp = pytest.importorskip("mcp")
    command = ["-m", "skyloom", "mcp", "--server", served.url, "--folder", str(tmp_path / "films")]
    start = mcp.StdioServerParameters(command=sys.executable, args=command, cwd=ROOT, env=dict(os.environ))

    async def talk():
        async with mcp.Client(mcp.stdio_client(start)) as client:

            async def use(tool, **given):
                result = await client.call_tool(tool, given)
                return result.is_error, result.structured_content, result.content[0].text

            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"make_film", "film_status", "fetch_film", "remix_film", "extend_film"}
            _, film, _ = await use("make_film", prompt="a red fox runs", seconds=0.5, size="64x64", seed=7)
            _, done, _ = await use("film_status", id=film["id"], wait=True)
            assert (done["status"], done["progress"], done["seed"]) == ("completed", 100, 7)
            _, _, path = await use("fetch_film", id=film["id"], name="fox.mp4")
            assert path == str(tmp_path / "films" / "fox.mp4") and (tmp_path / "films" / "fox.mp4").read_bytes()[4:8] == b"ftyp"
            for tool, given in (("remix_film", {}), ("extend_film", {"seconds": 0.5})):
                _, made, _ = await use(tool, id=film["id"], prompt="a fox", **given)
                _, done, _ = await use("film_status", id=made["id"], wait=True)
                assert done["status"] == "completed"
            for name in ("../fox.mp4", "/tmp/fox.mp4", "fox.sh", ""):
                failed, _, said = await use("fetch_film", id=film["id"], name=name)
                assert failed and "wanted a file name" in said
            failed, _, said = await use("film_status", id="video_nope")
            assert failed and "No video with the id" in said
            failed, _, said = await use("make_film", prompt="a fox", size="1x1")
            assert failed and "size '1x1'" in said

    asyncio.run(talk())
    assert os.listdir(tmp_path / "films") == ["fox.mp4"]
