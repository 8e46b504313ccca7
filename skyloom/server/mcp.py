"""A server's films as tools of the Model Context Protocol. Nothing here films: every tool is a call to the HTTP API.

Needs `pip install 'skyloom[mcp]'`.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from .client import VARIANTS, Client

ABOUT = "Films from sentences. make_film, then film_status with wait=true until it is completed, then fetch_film."
SHOWN = ("id", "status", "progress", "queue_position", "eta_seconds", "prompt", "seconds", "size", "seed", "notes", "error")
NAME = re.compile(r"[\w][\w .-]{0,80}")

Prompt = Annotated[str, Field(min_length=1, description="one plain sentence, such as: a red fox runs in the snow at sunset")]
Seconds = Annotated[float, Field(gt=0, le=20)]
Id = Annotated[str, Field(description="as make_film gives it")]


def tools(client: Client, folder: Path) -> MCPServer:
    """An MCP server whose tools call `client`; films are written into `folder`, and nowhere else."""
    server = MCPServer("skyloom", instructions=ABOUT)

    @server.tool()
    def make_film(
        prompt: Prompt, seconds: Seconds = 4, size: str = "1280x720", seed: int | None = None, loop: bool = False
    ) -> dict[str, Any]:
        """Ask for a film of a sentence. Answers at once, with the film's id."""
        call = {"prompt": prompt, "seconds": f"{seconds:g}", "size": size, "seed": seed, "loop": loop or None}
        return _told(lambda: client.create(**call))

    @server.tool()
    def film_status(id: Id, wait: bool = False) -> dict[str, Any]:
        """How far a film is; with `wait`, once it is completed or failed."""
        return _told(lambda: client.wait(id, lambda _: None) if wait else client.retrieve(id))

    @server.tool()
    def fetch_film(id: Id, name: Annotated[str, Field(description="film.mp4, or .webp for a picture of it")]) -> str:
        """Write a completed film to a file of that name; returns its path."""
        path = folder.absolute() / name
        if not NAME.fullmatch(name) or path.suffix not in (".mp4", *VARIANTS):
            raise ToolError(f"name {name[:80]!r}: wanted a file name without a folder, such as fox.mp4.")
        folder.mkdir(parents=True, exist_ok=True)
        _told(lambda: client.fetch(id, path))
        return str(path)

    @server.tool()
    def remix_film(
        id: Id, prompt: Prompt, strength: Annotated[float | None, Field(ge=0, le=1, description="1 makes it anew")] = None
    ) -> dict[str, Any]:
        """Film a completed film again with other words."""
        return _told(lambda: client.remix(id, prompt=prompt, strength=strength))

    @server.tool()
    def extend_film(id: Id, prompt: Prompt, seconds: Seconds = 4) -> dict[str, Any]:
        """Go on where a completed film ends; the new film is the whole."""
        return _told(lambda: client.extend(id, prompt=prompt, seconds=f"{seconds:g}"))

    return server


def _told(call: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """What an assistant needs of the server's answer; its errors in their own words."""
    try:
        answer = call() or {}
    except (ValueError, RuntimeError, OSError) as error:
        raise ToolError(str(error)) from None
    return {name: answer[name] for name in SHOWN if answer.get(name) is not None}
