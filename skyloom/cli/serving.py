"""The server, its workers and keys; and jobs on any server, from the shell."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from .root import app, note

Home = Annotated[Path | None, Parameter(help="Folder of database, films and keys [SKYLOOM_HOME, or the user's data folder].")]
Model = Annotated[str | None, Parameter(help="A shipped model's name, or a folder with weights [storybook].")]

key = App(name="key", help="API keys of a server of this machine: make one, list them, take one back.")
app.command(key)


@app.command
def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    model: Model = None,
    workers: int | None = None,
    home: Home = None,
    database: str | None = None,
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
    database:
        postgresql://USER:PASSWORD@HOST/NAME, to share the queue between machines [SQLite in the home].
    """
    with _server_installed():
        from ..server import process, settings

        process.serve(settings.load(home=home, host=host, port=port, model=model, workers=workers, database=database))


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
