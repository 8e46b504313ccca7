"""Jobs and their neighbours as rows: every question to the database is here.

A job moves queued -> in_progress -> completed or failed, and back to queued when its worker goes away. A worker holds a job by
(worker, attempt): whoever lost it finds that its writes change nothing.
"""

import dataclasses
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from . import tables
from .records import OPEN, Ahead, Character, ConflictError, Endpoint, Job, Key, LimitError, Past
from .tables import characters, endpoints, jobs, keys, new_id, repeats, workers

ONE_BY_ONE = "SELECT pg_advisory_xact_lock(7329846)"  # until its end, one transaction that adds a job
OTHER = "this Idempotency-Key was used for another request: take a new one."
MOST_RELATED = 200  # jobs that one look at relatives, or at what ended, finds
SHOW: dict[str, tuple[sa.ColumnElement[bool], ...]] = {  # what of a list of jobs is wanted
    "all": (),
    "ready": (jobs.c.status == "completed",),
    "remixes": (jobs.c.source.is_not(None),),
    "failed": (jobs.c.status == "failed",),
}
InTransaction = Callable[[sa.Connection], object]  # what else is committed with a change, or not at all


class Store:
    """The database of one server. Safe to share between threads."""

    def __init__(self, url: str):
        self.engine = tables.open_engine(url)

    def close(self) -> None:
        self.engine.dispose()

    # jobs, as callers see them

    def add(
        self,
        job: Job,
        also: Callable[[sa.Connection, Job], object],
        *,
        waiting: int,
        waiting_per_key: int,
        daily: int | None = None,
    ) -> Job:
        """Commit a new job together with what `also` writes (its place in the queue).

        A repeated idempotency key gives the job that it made. LimitError where the queue or the key's share of it is full,
        ConflictError where the same idempotency key came with another request.
        """
        job = dataclasses.replace(job, id=job.id or new_id(job.kind), created=time.time())
        try:
            with self.engine.begin() as c:
                if c.dialect.name == "postgresql":
                    c.execute(sa.text(ONE_BY_ONE))
                c.execute(jobs.insert().values(**_columns(job)))
                self._check_limits(c, job, waiting, waiting_per_key, daily)
                also(c, job)
        except sa.exc.IntegrityError:
            return self._repeated(job)
        return job

    def _check_limits(self, c: sa.Connection, job: Job, waiting: int, per_key: int, daily: int | None) -> None:
        """After the insert, which holds SQLite's write lock; on Postgres after a lock of its own: nobody slips in between."""
        queued = jobs.c.status == "queued"
        if _count(c, queued) > waiting:
            raise LimitError(f"the queue is full: {waiting} jobs are waiting.", 30)
        mine = jobs.c.owner == job.owner
        if _count(c, queued, mine) > per_key:
            raise LimitError(f"{per_key} of your jobs are waiting already: wait for one, or cancel one.", 30)
        if daily is not None and _count(c, mine, jobs.c.created > time.time() - 86_400) > daily:
            raise LimitError(f"this key's quota of {daily} jobs in 24 hours is used up.", 3600)

    def _repeated(self, job: Job) -> Job:
        with self.engine.connect() as c:
            query = jobs.select().where(jobs.c.owner == job.owner, jobs.c.idempotency == job.idempotency)
            row = c.execute(query).mappings().first()
        if row is None or job.idempotency is None:
            raise RuntimeError("the job could not be stored. Try again.")
        if row["fingerprint"] != job.fingerprint:
            raise ConflictError(OTHER)
        return _job(row)

    def get(self, id: str) -> Job | None:
        with self.engine.connect() as c:
            row = c.execute(jobs.select().where(jobs.c.id == id)).mappings().first()
        return _job(row) if row else None

    def page(
        self,
        kind: str,
        owner: str | None,
        after: str | None,
        limit: int,
        newest_first: bool,
        search: str = "",
        show: str = "all",
    ) -> tuple[list[Job], bool]:
        """Up to `limit` jobs of a kind behind the id `after`, and whether there are more. `owner` None is everybody's.

        Only those whose prompt holds `search`, and that are what `show` (a key of SHOW) says.
        """
        query = _mine(kind, owner).where(*SHOW[show])
        if search:
            query = query.where(jobs.c.prompt.icontains(search, autoescape=True))
        if after:
            query = query.where(jobs.c.id < after if newest_first else jobs.c.id > after)
        query = query.order_by(jobs.c.id.desc() if newest_first else jobs.c.id.asc()).limit(limit + 1)
        with self.engine.connect() as c:
            rows = [_job(row) for row in c.execute(query).mappings()]
        return rows[:limit], len(rows) > limit

    def delete(self, id: str) -> bool:
        with self.engine.begin() as c:
            return c.execute(jobs.delete().where(jobs.c.id == id)).rowcount > 0

    def cancel(self, id: str, also: InTransaction, keep: float = 0) -> bool:
        """An open job becomes failed with the code "cancelled"; its worker finds out at its next step."""
        error = {"code": "cancelled", "message": "The job was cancelled."}
        return self._close(sa.and_(jobs.c.id == id, jobs.c.status.in_(OPEN)), also, keep, status="failed", error=error)

    def ahead(self, job: Job) -> Ahead:
        """Jobs that go before this waiting one."""
        before = sa.or_(jobs.c.priority < job.priority, sa.and_(jobs.c.priority == job.priority, jobs.c.id < job.id))
        query = sa.select(jobs.c.kind, jobs.c.seconds, sa.func.count()).where(jobs.c.status == "queued", before)
        with self.engine.connect() as c:
            return {(kind, float(text)): n for kind, text, n in c.execute(query.group_by(jobs.c.kind, jobs.c.seconds))}

    def all_ahead(self, ids: set[str]) -> dict[str, Ahead]:
        """The same of many, those of the ids that wait."""
        query = sa.select(jobs.c.id, jobs.c.kind, jobs.c.seconds).where(jobs.c.status == "queued")
        counted: Counter[tuple[str, float]] = Counter()
        found = {}
        with self.engine.connect() as c:
            for id, kind, text in c.execute(query.order_by(jobs.c.priority, jobs.c.id)):
                if id in ids:
                    found[id] = dict(counted)
                counted[kind, float(text)] += 1
        return found

    def open_of(self, kind: str, owner: str | None) -> list[Job]:
        """Jobs of a kind that wait or are in hand, the newest last."""
        return self._all(_mine(kind, owner).where(jobs.c.status.in_(OPEN)).order_by(jobs.c.id))

    def ended_of(self, kind: str, owner: str | None, since: float) -> list[Job]:
        """Jobs of a kind that were done or failed after that time."""
        return self._all(_mine(kind, owner).where(jobs.c.finished > since).order_by(jobs.c.id).limit(MOST_RELATED))

    def family(self, job: Job) -> list[Job]:
        """All jobs that the first ancestor of this one led to, itself among them, the oldest first; at most MOST_RELATED."""
        first = job
        while first.source and (above := self.get(first.source)):
            first = above
        found, last = {first.id: first}, [first.id]
        while last and len(found) < MOST_RELATED:
            below = self._all(jobs.select().where(jobs.c.source.in_(last)).order_by(jobs.c.id).limit(MOST_RELATED))
            last = [each.id for each in below if each.id not in found]
            found |= {each.id: each for each in below}
        return [each for each in found.values() if not each.expired]

    def _all(self, query: sa.Select[Any]) -> list[Job]:
        with self.engine.connect() as c:
            return [_job(row) for row in c.execute(query).mappings()]

    def past(self) -> list[Past]:
        """The last jobs that were done."""
        columns = (jobs.c.kind, jobs.c.seconds, jobs.c.created, jobs.c.started, jobs.c.finished, jobs.c.result)
        done = sa.and_(jobs.c.status == "completed", jobs.c.started.is_not(None))
        query = sa.select(*columns).where(done).order_by(jobs.c.finished.desc()).limit(60)
        with self.engine.connect() as c:
            rows = c.execute(query).all()
        return [
            Past(
                kind if "weights" in result else "cut",  # which no weights made
                float(seconds),
                finished - started,
                started - created,
                result.get("seconds_spent", {}).get("step"),
            )
            for kind, seconds, created, started, finished, result in rows
        ]

    def failures(self) -> dict[str, int]:
        """Jobs that failed and are still kept, by the code of their error."""
        code = jobs.c.error["code"].as_string()
        with self.engine.connect() as c:
            query = sa.select(code, sa.func.count()).where(jobs.c.status == "failed").group_by(code)
            return {code: n for code, n in c.execute(query)}

    def usage(self, owner: str) -> tuple[int, int, float | None]:
        """Of an owner: jobs that wait, jobs of the last 24 hours, and when the first of these was asked for."""
        mine, recent = jobs.c.owner == owner, jobs.c.created > time.time() - 86_400
        with self.engine.connect() as c:
            today, oldest = c.execute(sa.select(sa.func.count(), sa.func.min(jobs.c.created)).where(mine, recent)).one()
            return _count(c, mine, jobs.c.status == "queued"), today, oldest

    def counts(self) -> dict[str, int]:
        """Jobs by status."""
        with self.engine.connect() as c:
            rows = c.execute(sa.select(jobs.c.status, sa.func.count()).group_by(jobs.c.status)).all()
        return dict.fromkeys((*OPEN, "completed", "failed"), 0) | {status: n for status, n in rows}

    def expired(self) -> list[str]:
        with self.engine.connect() as c:
            return list(c.execute(sa.select(jobs.c.id).where(jobs.c.expires < time.time())).scalars())

    def open_jobs(self) -> list[Job]:
        with self.engine.connect() as c:
            return [_job(row) for row in c.execute(jobs.select().where(jobs.c.status.in_(OPEN))).mappings()]

    def known(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that have a row, as a job or as a character."""
        with self.engine.connect() as c:
            return {
                id
                for table in (jobs, characters)
                for id in c.execute(sa.select(table.c.id).where(table.c.id.in_(ids))).scalars()
            }

    # jobs, as a worker sees them

    def claim(self, id: str, worker: str) -> Job | None:
        """Take a job in hand: a new attempt. None where it was cancelled, deleted or is done."""
        taken = {"status": "in_progress", "worker": worker, "attempts": jobs.c.attempts + 1, "progress": 0}
        with self.engine.begin() as c:
            query = jobs.update().where(jobs.c.id == id, jobs.c.status.in_(OPEN)).values(**taken, started=time.time())
            if not c.execute(query).rowcount:
                return None
            return _job(c.execute(jobs.select().where(jobs.c.id == id)).mappings().one())

    def advance(self, job: Job, progress: int) -> bool:
        """Note how far a job in hand is. False where it is ours no more."""
        with self.engine.begin() as c:
            return c.execute(jobs.update().where(_held(job)).values(progress=progress)).rowcount > 0

    def holds(self, job: Job) -> bool:
        """Whether a job in hand is still ours."""
        with self.engine.connect() as c:
            return _count(c, _held(job)) > 0

    def complete(self, job: Job, result: dict[str, Any], keep: float, also: InTransaction) -> bool:
        return self._close(_held(job), also, keep, status="completed", progress=100, result=result)

    def fail(self, job: Job, code: str, message: str, also: InTransaction, keep: float = 0) -> bool:
        return self._close(_held(job), also, keep, status="failed", error={"code": code, "message": message})

    def release(self, job: Job, also: InTransaction) -> bool:
        """Hand a job back unfinished, as though it had not been begun."""
        values = {"status": "queued", "worker": None, "progress": 0, "started": None, "attempts": jobs.c.attempts - 1}
        return self._change(_held(job), also, **values)

    def _close(self, which: sa.ColumnElement[bool], also: InTransaction, keep: float, **values: Any) -> bool:
        now = time.time()
        return self._change(which, also, finished=now, expires=now + keep if keep else None, **values)

    def _change(self, which: sa.ColumnElement[bool], also: InTransaction, **values: Any) -> bool:
        with self.engine.begin() as c:
            if not c.execute(jobs.update().where(which).values(**values)).rowcount:
                return False
            also(c)
            return True

    # workers

    def beat(self, worker: str, host: str, models: list[str]) -> None:
        with self.engine.begin() as c:
            values = {"beat": time.time(), "models": models}
            if not c.execute(workers.update().where(workers.c.id == worker).values(**values)).rowcount:
                c.execute(workers.insert().values(id=worker, host=host, **values))

    def workers(self) -> list[dict[str, Any]]:
        with self.engine.connect() as c:
            return [dict(row) for row in c.execute(workers.select()).mappings()]

    def idle_beside(self, worker: str, fresh: float) -> bool:
        """Whether another worker has its model, gave a beat in the last `fresh` seconds, and has no job in hand."""
        with self.engine.connect() as c:
            busy = set(c.execute(sa.select(jobs.c.worker).where(jobs.c.status == "in_progress")).scalars())
            there = c.execute(workers.select().where(workers.c.beat > time.time() - fresh)).mappings()
            return any(row["models"] and row["id"] not in {worker, *busy} for row in there)

    def bury(self, worker: str) -> bool:
        """Strike a worker off. True for one caller only."""
        with self.engine.begin() as c:
            return c.execute(workers.delete().where(workers.c.id == worker)).rowcount > 0

    # keys

    def add_key(self, name: str, digest: str, scopes: list[str], daily: int | None) -> Key:
        key = Key(new_id("key"), name, scopes, daily, time.time())
        with self.engine.begin() as c:
            c.execute(keys.insert().values(**dataclasses.asdict(key), hash=digest))
        return key

    def keys(self) -> list[Key]:
        with self.engine.connect() as c:
            return [_key(row) for row in c.execute(keys.select().order_by(keys.c.id)).mappings()]

    def key_of(self, digest: str) -> Key | None:
        """The valid key with this hash."""
        with self.engine.connect() as c:
            row = c.execute(keys.select().where(keys.c.hash == digest, keys.c.revoked.is_(None))).mappings().first()
        return _key(row) if row else None

    def revoke_key(self, id: str) -> bool:
        with self.engine.begin() as c:
            query = keys.update().where(keys.c.id == id, keys.c.revoked.is_(None)).values(revoked=time.time())
            return c.execute(query).rowcount > 0

    # characters

    def add_character(self, character: Character, idempotency: str | None = None, fingerprint: str = "") -> Character:
        """A new one, or that which the same idempotency key made. ConflictError where that came with another request."""
        character = dataclasses.replace(character, id=character.id or new_id("char"), created=time.time())
        try:
            with self.engine.begin() as c:
                c.execute(characters.insert().values(**dataclasses.asdict(character)))
                if idempotency:
                    values = {"idempotency": idempotency, "fingerprint": fingerprint, "made": character.id}
                    c.execute(repeats.insert().values(owner=character.owner, **values))
        except sa.exc.IntegrityError:
            if made := self.repeated_character(character.owner, idempotency, fingerprint):
                return made
            raise
        return character

    def repeated_character(self, owner: str, idempotency: str | None, fingerprint: str) -> Character | None:
        """What a call with that idempotency key made before. ConflictError where that was another call."""
        with self.engine.connect() as c:
            query = repeats.select().where(repeats.c.owner == owner, repeats.c.idempotency == idempotency)
            row = c.execute(query).mappings().first()
        if row is None:
            return None
        if row["fingerprint"] != fingerprint:
            raise ConflictError(OTHER)
        return self.character(row["made"])

    def characters(self, owner: str | None) -> list[Character]:
        query = characters.select().order_by(characters.c.id)
        with self.engine.connect() as c:
            rows = c.execute(query if owner is None else query.where(characters.c.owner == owner)).mappings()
            return [Character(**row) for row in rows]

    def character(self, id: str) -> Character | None:
        with self.engine.connect() as c:
            row = c.execute(characters.select().where(characters.c.id == id)).mappings().first()
        return Character(**row) if row else None

    def delete_character(self, id: str) -> bool:
        with self.engine.begin() as c:
            c.execute(repeats.delete().where(repeats.c.made == id))
            return c.execute(characters.delete().where(characters.c.id == id)).rowcount > 0

    # webhook endpoints

    def add_endpoint(self, endpoint: Endpoint) -> Endpoint:
        endpoint = dataclasses.replace(endpoint, id=new_id("whep"), created=time.time())
        with self.engine.begin() as c:
            c.execute(endpoints.insert().values(**dataclasses.asdict(endpoint)))
        return endpoint

    def endpoints(self, owner: str | None = None) -> list[Endpoint]:
        query = endpoints.select().order_by(endpoints.c.id)
        if owner is not None:
            query = query.where(endpoints.c.owner == owner)
        with self.engine.connect() as c:
            return [Endpoint(**row) for row in c.execute(query).mappings()]

    def endpoint(self, id: str) -> Endpoint | None:
        with self.engine.connect() as c:
            row = c.execute(endpoints.select().where(endpoints.c.id == id)).mappings().first()
        return Endpoint(**row) if row else None

    def change_endpoint(self, id: str, **values: Any) -> bool:
        with self.engine.begin() as c:
            return c.execute(endpoints.update().where(endpoints.c.id == id).values(**values, updated=time.time())).rowcount > 0

    def delete_endpoint(self, id: str) -> bool:
        with self.engine.begin() as c:
            return c.execute(endpoints.delete().where(endpoints.c.id == id)).rowcount > 0

    def check(self) -> None:
        """Raises where the database does not answer."""
        with self.engine.connect() as c:
            c.execute(sa.select(1))


def _mine(kind: str, owner: str | None) -> sa.Select[Any]:
    """Jobs of a kind that are not expired, of an owner or (None) of everybody."""
    query = jobs.select().where(jobs.c.kind == kind, sa.or_(jobs.c.expires.is_(None), jobs.c.expires > time.time()))
    return query if owner is None else query.where(jobs.c.owner == owner)


def _held(job: Job) -> sa.ColumnElement[bool]:
    mine = sa.and_(jobs.c.worker == job.worker, jobs.c.attempts == job.attempts)
    return sa.and_(jobs.c.id == job.id, jobs.c.status == "in_progress", mine)


def _count(c: sa.Connection, *where: sa.ColumnElement[bool]) -> int:
    return c.execute(sa.select(sa.func.count()).select_from(jobs).where(*where)).scalar_one()


def _columns(job: Job) -> dict[str, Any]:
    return {f.name: getattr(job, f.name) for f in dataclasses.fields(job)}


def _job(row: Any) -> Job:
    return Job(**row)


def _key(row: Any) -> Key:
    return Key(**{name: value for name, value in row.items() if name != "hash"})
