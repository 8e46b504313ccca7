"""The server, its workers and keys; and jobs on any server, from the shell."""

import contextlib
import json as jsons
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from .root import Flag, Out, app, note

if TYPE_CHECKING:
    from ..server.client import Client

SOURCES = {"parentOf": "made from", "componentOf": "with", "inputTo": "guided by"}  # as C2PA has them
HERE, KEY = "http://127.0.0.1:8440", "SKYLOOM_API_KEY"

Home = Annotated[Path | None, Parameter(help="Folder of database, films and keys [SKYLOOM_HOME, or the user's data folder].")]
Model = Annotated[str | None, Parameter(help="A shipped model's name, or a folder with weights [storybook].")]
At = Annotated[str, Parameter(help="Address of the server [SKYLOOM_SERVER, or this machine's].")]
ApiKey = Annotated[str, Parameter(help=f"API key [{KEY}].")]

key = App(name="key", help="API keys of a server of this machine: make one, list them, take one back.")
app.command(key)


@app.command
def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    model: Model = None,
    workers: int | None = None,
    no_worker: Flag = False,
    home: Home = None,
    database: str | None = None,
    metadata: bool | None = None,
    mark: bool | None = None,
) -> None:
    """Serve films over HTTP, in the shape of the OpenAI Videos API. Settings: HOME/server.toml, SKYLOOM_*, these flags.

    Parameters
    ----------
    host:
        Address to listen on [127.0.0.1]; any other than loopback wants API keys.
    port:
        Port to listen on [8440].
    workers:
        Processes that film [1]; 0 leaves that to `skyloom worker` elsewhere.
    no_worker:
        The same as --workers 0.
    database:
        postgresql://USER:PASSWORD@HOST/NAME, to share the queue between machines [SQLite in the home].
    metadata:
        Put the recipe into every file [yes]; --no-metadata leaves it out, of the signed manifest too.
    mark:
        Draw a small visible mark into the corner [no].
    """
    with _server_installed():
        from ..server import process, settings

        if no_worker and workers:
            raise ValueError(f"--no-worker and --workers {workers}: one of them.")
        workers = 0 if no_worker else workers
        process.serve(
            settings.load(
                home=home, host=host, port=port, model=model, workers=workers, database=database, metadata=metadata, mark=mark
            )
        )


@app.command
def worker(*, model: Model = None, home: Home = None, database: str | None = None) -> None:
    """Film what is in the queue of a server on this machine, or on another that shares its database and home.

    Parameters
    ----------
    database:
        As the server's.
    """
    with _server_installed():
        from ..server import process, settings

        process.work(settings.load(home=home, model=model, database=database))


@key.command(name="new")
def key_new(
    name: str, /, *, scopes: str = "read,write", daily: int | None = None, home: Home = None, database: str | None = None
) -> None:
    """Make a key and print it. It is shown this once: only its hash is kept.

    Parameters
    ----------
    name:
        Whose it is.
    scopes:
        read, write, admin (sees everybody's films), with commas.
    daily:
        Films in 24 hours [no limit].
    database:
        As the server's.
    """
    with _server_installed():
        from ..server import auth, settings, store

        rows = store.Store(settings.load(home=home, database=database).database_url)
        text, made = auth.new_key(rows, name, scopes.replace(" ", "").split(","), daily)
        rows.close()
        print(text)
        note(f"{made.id} for {name}: keep it, it cannot be shown again")


@key.command(name="list")
def key_list(*, home: Home = None, database: str | None = None) -> None:
    """Ids, names, scopes and states of all keys.

    Parameters
    ----------
    database:
        As the server's.
    """
    with _server_installed():
        from ..server import settings, store

        rows = store.Store(settings.load(home=home, database=database).database_url)
        for each in rows.keys():
            state = "revoked" if each.revoked else f"{each.daily} a day" if each.daily else "no limit"
            print(f"{each.id}  {each.name}  {','.join(each.scopes)}  {state}")
        rows.close()


@key.command(name="revoke")
def key_revoke(id: str, /, *, home: Home = None, database: str | None = None) -> None:
    """Take a key back at once.

    Parameters
    ----------
    id:
        As `skyloom key list` shows it.
    database:
        As the server's.
    """
    with _server_installed():
        from ..server import settings, store

        rows = store.Store(settings.load(home=home, database=database).database_url)
        found = rows.revoke_key(id)
        rows.close()
        if not found:
            raise ValueError(f"key {id!r}: there is no valid key with that id. See `skyloom key list`.")


@app.command
def jobs(*, server: At = HERE, api_key: ApiKey = "", limit: int = 20, json: Flag = False) -> None:
    """List the newest films of a server.

    Parameters
    ----------
    limit:
        At most so many.
    json:
        Print one JSON object a film.
    """
    for video in _client(server, api_key).jobs(limit):
        print(jsons.dumps(video, ensure_ascii=False) if json else _line(video))


@app.command
def cancel(id: str, /, *, server: At = HERE, api_key: ApiKey = "") -> None:
    """Stop a film that waits or is being made.

    Parameters
    ----------
    id:
        As `skyloom jobs` shows it.
    """
    print(_line(_client(server, api_key).cancel(id)))


@app.command
def wait(id: str, /, *, server: At = HERE, api_key: ApiKey = "") -> int:
    """Wait until a film is done; exit code 1 where it failed.

    Parameters
    ----------
    id:
        As `skyloom jobs` shows it.
    """
    told = [""]

    def tell(video: dict[str, Any]) -> None:
        if sys.stderr.isatty() and _line(video) != told[0]:
            told[0] = _line(video)
            print(told[0], file=sys.stderr)

    video = _client(server, api_key).wait(id, tell)
    print(_line(video))
    return 0 if video["status"] == "completed" else 1


@app.command
def fetch(id: str, /, *, out: Out = "film.mp4", server: At = HERE, api_key: ApiKey = "") -> None:
    """Download a finished film.

    Parameters
    ----------
    id:
        As `skyloom jobs` shows it.
    out:
        File to write: .mp4, .webp (a picture) or .jpg (a sheet of small ones).
    """
    _client(server, api_key).fetch(id, Path(out))
    print(out)


@app.command
def mcp(*, server: At = HERE, api_key: ApiKey = "", folder: Path = Path()) -> None:
    """Give a server's films to programs that speak the Model Context Protocol, over standard input and output.

    Parameters
    ----------
    folder:
        Where fetched films are written; nowhere else.
    """
    try:
        from ..server.mcp import tools
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("skyloom"):
            raise
        raise RuntimeError(f"this needs {error.name}, which is not installed. Try: pip install 'skyloom[mcp]'") from error
    tools(_client(server, api_key), folder).run("stdio")


@app.command
def verify(file: Path, /, *, home: Home = None, trust: Path | None = None, json: Flag = False) -> int:
    """Say who signed a film or picture, whether it is intact, and how it was made; exit code 1 where it is not intact.

    Parameters
    ----------
    file:
        A file with a C2PA manifest, as the server writes them.
    trust:
        PEM file with roots to trust [the server's own, in the home].
    json:
        Print a JSON object.
    """
    with _server_installed():
        from ..server import provenance, settings

        own = settings.load(home=home).root / "signing" / provenance.ROOT
        anchors = trust or (own if own.is_file() else None)
        report = provenance.verify(file, anchors.read_text() if anchors else "")
    if json:
        print(jsons.dumps(report, ensure_ascii=False))
    elif not report["signed"]:
        print(f"{file}: not signed")
    else:
        problems = f" ({', '.join(report['problems'])})" if report["problems"] else ""
        vouched = "trusted" if report["trusted"] else "whom nobody here vouches for"
        print(f"{file}: {_state(report)}{problems}, {vouched}")
        for source in report["sources"]:
            print(f"{SOURCES.get(source['relation'], source['relation'])} {source['title']}: {_state(source)}")
        print(jsons.dumps(report["recipe"], indent=2, ensure_ascii=False) if report["recipe"] else "no recipe in it")
    return 0 if report["signed"] and report["intact"] else 1


def _state(said: dict[str, Any]) -> str:
    """What a manifest says, in words."""
    return f"{'intact' if said['intact'] else 'changed since'}; signed by {said['by']}" if said["signed"] else "not signed"


def _client(server: str, key: str) -> "Client":
    from ..server.client import Client

    return Client(os.environ.get("SKYLOOM_SERVER", server) if server == HERE else server, key or os.environ.get(KEY, ""))


def _line(video: dict[str, Any]) -> str:
    state = f"{video['status']} {video['progress']:3d}%" + (f" ({video['error']['code']})" if video.get("error") else "")
    return f"{video['id']}  {state}  {video['size']}  {video['seconds']} s  {str(video['prompt'] or '')[:60]}"


@contextlib.contextmanager
def _server_installed() -> Iterator[None]:
    """RuntimeError with the command to type where the server's libraries are not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("skyloom"):
            raise
        raise RuntimeError(
            f"the server needs {error.name}, which is not installed. Try: pip install 'skyloom[server]'"
        ) from error
