"""The durable queue: DBOS beside our own tables, so that a job and its place in the queue are one commit.

`Queue` is what every process has; `Worker` takes jobs one at a time and makes films of them. A worker that dies leaves a
lock that nobody holds (or, from another machine, a beat that grew old): the first worker to see it puts its job back.
"""

import contextlib
import errno
import fcntl
import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import IO, Any, Protocol

from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions, run_dbos_database_migrations

from .records import Job
from .settings import Settings
from .store import Store

log = logging.getLogger("skyloom.server")
NAME = "skyloom"
VERSION = "1"  # of the queue's messages: DBOS hands jobs only to workers of the same
FILMS, STILLS, HOOKS = "films", "stills", "webhooks"  # queues
MAKE, DELIVER = "make", "deliver"  # what is done with their jobs
BEAT = 2.0  # seconds between signs of life
FRESH = 3 * BEAT  # seconds since a beat within which a worker surely lives
SILENT = 60.0  # seconds without one after which a worker on another machine counts as dead
STRAY = 10.0  # seconds after which an open job must be in the queue
LOOK, TELL = 0.05, 0.3  # seconds between two looks whether a film is still wanted, and two notes of its progress
GATHER = 0.03  # seconds that a still waits for others to be filmed with it
HANDED = 1.0  # seconds that a job waits for this worker before another one may have it
SWEEP = 30.0  # seconds between two looks for what has expired
RETRIES = (5, 30, 120, 600, 3600, 3 * 3600, 8 * 3600, 12 * 3600)  # seconds between two tries of a delivery: a day


class Queue:
    """Puts jobs and webhook events into the queue, inside the caller's transaction."""

    def __init__(self, settings: Settings, store: Store):
        self.store, self.keep = store, settings.keep
        run_dbos_database_migrations(queue_url(settings))
        self.client = DBOSClient(system_database_url=queue_url(settings), application_name=NAME)

    def close(self) -> None:
        self.client.destroy()

    def put(self, connection: Any, job: Job, suffix: str = "") -> None:
        queue = STILLS if job.kind == "image" else FILMS
        options = self._options(queue, MAKE, job.id + suffix) | {"priority": 1 + job.priority}
        self.client.enqueue_in_transaction(connection, options, job.id)  # type: ignore[arg-type]

    def announce(self, connection: Any, job: Job, event: str) -> None:
        """Queue one delivery of `event` (video.completed, video.failed) for each endpoint of the owner that wants it."""
        if job.kind != "video":
            return
        for endpoint in self.store.endpoints(job.owner):
            if event in endpoint.events:
                self.deliver(connection, endpoint.id, event, job.id)

    def deliver(self, connection: Any, endpoint: str, event: str, id: str) -> None:
        envelope = {"id": f"evt_{secrets.token_hex(16)}", "object": "event", "created_at": int(time.time()), "type": event}
        self.post(connection, endpoint, envelope | {"data": {"id": id}})

    def post(self, connection: Any, endpoint: str, envelope: dict[str, Any], tried: int = 0) -> None:
        """Queue one try of a delivery, after `tried` others; until its time it waits in the database and holds no place."""
        options = self._options(HOOKS, DELIVER, f"{envelope['id']}#{tried}") | {"priority": 1 + tried}
        if tried:
            options["delay_seconds"] = RETRIES[tried - 1]
        self.client.enqueue_in_transaction(connection, options, endpoint, envelope, tried)  # type: ignore[arg-type]

    def cancel(self, job: Job) -> bool:
        """Close an open job as cancelled. False where it is closed already."""
        return self.store.cancel(job.id, lambda c: self.announce(c, job, "video.failed"), self.keep)

    def stray(self) -> list[Job]:
        """Open jobs, older than a few seconds, that are in no queue and in nobody's hands."""
        found = [job for job in self.store.open_jobs() if time.time() - max(job.created, job.started or 0) > STRAY]
        if not found:
            return []
        there = self.client.list_workflows(
            status=["ENQUEUED", "PENDING"], queue_name=[FILMS, STILLS], load_input=False, load_output=False
        )
        ids = {workflow.workflow_id.partition("#")[0] for workflow in there}
        return [job for job in found if job.id not in ids]

    def _options(self, queue: str, workflow: str, id: str) -> EnqueueOptions:
        return {"queue_name": queue, "workflow_name": workflow, "workflow_id": id, "app_version": VERSION}


class Joint(Protocol):
    """Several jobs in threads, of which one runs at a time."""

    def lane(self) -> contextlib.AbstractContextManager[None]:
        """One of them."""


class Work(Protocol):
    """What a worker does; the queue knows neither models nor files."""

    def make(self, job: Job, on_step: Callable[[int, int], None], joint: Joint | None = None) -> dict[str, Any]:
        """Make the job's files; returns what its row keeps. With a joint, in one of its lanes."""

    def kin(self, job: Job) -> Hashable:
        """Equal for jobs that gain by being filmed together; None for one that is filmed alone."""

    def joint(self, lanes: int) -> Joint:
        """What jobs that are filmed together share."""

    def discard(self, id: str) -> None:
        """Remove the files of a job that was not completed."""

    def post(self, endpoint: str, envelope: dict[str, Any]) -> bool:
        """Deliver a webhook event. False: try again later."""

    def tidy(self) -> None:
        """Remove what has expired."""


class Worker:
    """One process that films, with what `work` says is done to a job.

    One film at a time: on a CPU the model takes the same time for two at once as for one after the other, or more, and films
    alone keep their bytes. Stills gain by company (docs/RESULTS.md, Serving): up to `together` of them go side by side.
    """

    def __init__(self, settings: Settings, store: Store, work: Work):
        self.settings, self.store, self.work = settings, store, work
        self.queue = Queue(settings, store)
        self.id = f"worker_{secrets.token_hex(8)}"
        self.host = socket.gethostname()
        self.models: list[str] = []  # loaded; told to others with each beat
        self.draining = threading.Event()
        self.gone = threading.Event()
        self.busy = threading.Lock()  # held while films are made, and for ever by a worker that has stopped
        self.over = threading.Event()  # nothing is in hand any more, nor will be
        self.here: list[str] = []  # jobs that this process was given and has not begun
        self.gate = threading.Lock()  # of `here`
        self.lock = _hold(self._lock_file(self.id))

    def start(self) -> None:
        """Begin to take jobs, in threads of their own."""
        DBOS(config=_config(self.settings, self.id))
        post = DBOS.step(name="post")(lambda endpoint, envelope: self.work.post(endpoint, envelope))
        DBOS.workflow(name=MAKE)(lambda id: self.film(id))
        DBOS.workflow(name=DELIVER)(lambda endpoint, envelope, tried=0: self._deliver(post, endpoint, envelope, tried))
        self.store.beat(self.id, self.host, self.models)
        DBOS.launch()
        poll = self.settings.poll
        for queue, many in ((FILMS, 1), (STILLS, self.settings.together)):
            DBOS.register_queue(queue, worker_concurrency=many, polling_interval_sec=poll, on_conflict="always_update")
        DBOS.register_queue(HOOKS, worker_concurrency=8, polling_interval_sec=max(poll, 0.2), on_conflict="always_update")
        self.recover()
        threading.Thread(target=self._housekeeping, name="housekeeping", daemon=True).start()

    def stop(self, seconds: float) -> bool:
        """Take nothing more; let the film in hand end within `seconds`, else put it back at its next step.

        False where even that step did not end in time: its job is then found by another worker.
        """
        self.draining.set()
        done = self.busy.acquire(timeout=seconds)
        self.gone.set()
        done = done or self.busy.acquire(timeout=30)
        if done:
            self.over.set()
        DBOS.destroy(destroy_registry=True)
        self.lock.close()  # whatever is still in our name is put back by the next worker that looks
        self.queue.close()
        return done

    def film(self, id: str) -> None:
        """One job, from claim to end, and with it what waits here for the same. Returns when the job is in nobody's hands."""
        with self.gate:
            self.here.append(id)
        while not self.busy.acquire(timeout=HANDED):
            if self._handed_on(id) or self.over.is_set():  # or who was filmed with another would wait for ever
                return
        try:
            jobs = [job for each in self._company(id) if (job := self.store.claim(each, self.id))]
            if len(jobs) == 1:
                self._begin(jobs[0])
            elif jobs:
                joint = self.work.joint(len(jobs))
                lanes = [threading.Thread(target=self._begin_with, args=(job, joint), name=job.id) for job in jobs]
                for lane in lanes:
                    lane.start()
                for lane in lanes:
                    lane.join()
        finally:
            self.busy.release()

    def _deliver(
        self, post: Callable[[str, dict[str, Any]], bool], endpoint: str, envelope: dict[str, Any], tried: int
    ) -> None:
        """Post one event; where it is not taken, queue the next try of it, which outlives a restart."""
        if not post(endpoint, envelope) and tried < len(RETRIES):
            with self.store.engine.begin() as c:
                self.queue.post(c, endpoint, envelope, tried + 1)

    def _company(self, id: str) -> list[str]:
        """The job and those that wait here for the same; none where it was filmed with another."""
        job = self.store.get(id)
        kin = self.work.kin(job) if job else None
        if kin is not None:
            time.sleep(GATHER)
        with self.gate:
            if id not in self.here:
                return []
            others = [] if kin is None else [other for each in self.here if each != id and (other := self.store.get(each))]
            ids = [id, *(other.id for other in others if self.work.kin(other) == kin)]
            self.here = [each for each in self.here if each not in ids]
        return ids

    def _handed_on(self, id: str) -> bool:
        """Put a job that waits for this worker back into the queue, where another one idles or this one is going."""
        job = self.store.get(id)
        with self.gate:
            if id not in self.here or not (self.draining.is_set() or self.store.idle_beside(self.id, FRESH)):
                return False
            self.here.remove(id)
        if job and job.open:
            with self.store.engine.begin() as c:
                self.queue.put(c, job, f"#{secrets.token_hex(4)}")
        return True

    def _begin_with(self, job: Job, joint: Joint) -> None:
        with joint.lane():
            self._begin(job, joint)

    def _begin(self, job: Job, joint: Joint | None = None) -> None:
        """One attempt at a job in hand. Whatever goes wrong becomes the job's error."""
        if self.draining.is_set():
            self._put_back(job)
        elif job.attempts > self.settings.attempts:
            self._fail(job, "worker_lost", f"The job ended its worker {self.settings.attempts} times and was given up.")
        else:
            self._try(job, joint)

    def _try(self, job: Job, joint: Joint | None) -> None:
        log.info("begun", extra={"job": job.id, "attempt": job.attempts})
        try:
            result = self.work.make(job, self._follow(job), joint)
            done = lambda c: self.queue.announce(c, job, "video.completed")  # noqa: E731
            if self.store.complete(job, result, self.settings.keep, done):
                log.info("completed", extra={"job": job.id})
            else:
                raise Lost
        except Lost:
            log.info("cancelled", extra={"job": job.id})
            self._let_go(job)
        except Drained:
            self._put_back(job)
        except MemoryError as error:
            self._fail(job, "out_of_memory", str(error) or "The machine has too little memory for this film.")
        except ValueError as error:
            self._fail(job, getattr(error, "code", "invalid_value"), str(error))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                self._fail(job, "disk_full", "No space is left for the film.")
            else:
                log.exception("failed", extra={"job": job.id})  # its words may name paths of this machine
                self._fail(job, "server_error", "The film's files could not be read or written.")
        except Exception as error:
            log.exception("failed", extra={"job": job.id})
            self._fail(job, "server_error", f"{type(error).__name__} while the film was made.")

    def _follow(self, job: Job) -> Callable[[int, int], None]:
        """What `make` calls before the first step and after each: notes progress, and ends the film by an exception."""
        looked, told = [-1.0], [time.monotonic()]

        def on_step(done: int, steps: int) -> None:
            now = time.monotonic()
            if self.gone.is_set() and done < steps:
                raise Drained
            if now - looked[0] < LOOK and done < steps:
                return
            looked[0] = now
            if now - told[0] < TELL and done < steps:  # to look is cheap, to note waits for the disk
                ours = self.store.holds(job)
            else:
                told[0] = now
                ours = self.store.advance(job, min(95, 95 * done // max(steps, 1)))  # the rest is writing the file
            if not ours:
                raise Lost

        return on_step

    def _fail(self, job: Job, code: str, message: str) -> None:
        log.warning("failed", extra={"job": job.id, "code": code})
        self.store.fail(job, code, message, lambda c: self.queue.announce(c, job, "video.failed"), self.settings.keep)
        self._let_go(job)

    def _let_go(self, job: Job) -> None:
        """Remove the files of a job that was not completed, and is in nobody else's hands; it may have been deleted."""
        now = self.store.get(job.id)
        if now is None or not (now.open or now.status == "completed"):
            self.work.discard(job.id)

    def _put_back(self, job: Job) -> None:
        again = f"#{secrets.token_hex(4)}"  # the queue takes each id once
        if self.store.release(job, lambda c: self.queue.put(c, job, again)):
            log.info("put back", extra={"job": job.id})

    def _housekeeping(self) -> None:
        swept = 0.0
        while not self.gone.wait(BEAT):
            try:
                self.store.beat(self.id, self.host, self.models)
                if time.monotonic() - swept > SWEEP:
                    swept = time.monotonic()
                    self._requeue_stray()
                    self.work.tidy()
                self.recover()
            except Exception:
                log.exception("housekeeping failed; it is tried again")

    def recover(self) -> None:
        """Put back the jobs of workers that died, by whichever worker looks first."""
        for other in self.store.workers():
            if other["id"] != self.id and self._dead(other):
                log.info("worker gone", extra={"worker": other["id"]})
                DBOS._recover_pending_workflows([other["id"]])  # does nothing to a job that somebody else has already
                self.store.bury(other["id"])
                self._lock_file(other["id"]).unlink(missing_ok=True)

    def _requeue_stray(self) -> None:
        """A waiting job without a place in the queue gets one: its last run ended while the database could not be written."""
        if stray := self.queue.stray():
            for job in stray:
                log.warning("requeued", extra={"job": job.id})
                with self.store.engine.begin() as c:
                    self.queue.put(c, job, f"#{secrets.token_hex(4)}")

    def _dead(self, other: dict[str, Any]) -> bool:
        file = self._lock_file(other["id"])
        if other["host"] != self.host or not file.exists():  # of another machine, or of another home on this one
            return time.time() - other["beat"] > SILENT
        return not is_held(file)

    def _lock_file(self, id: str) -> Path:
        return self.settings.root / "workers" / f"{id}.lock"


class Lost(Exception):
    """The job was cancelled or deleted, or is another worker's now."""


class Drained(Exception):
    """The worker has to go before the film is done."""


def queue_url(settings: Settings) -> str:
    url = settings.database_url
    return url if url.startswith("sqlite") else "postgresql://" + url.split("://", 1)[1]


def _config(settings: Settings, worker: str) -> DBOSConfig:
    return {
        "name": NAME,
        "system_database_url": queue_url(settings),
        "application_version": VERSION,
        "executor_id": worker,
        "log_level": "ERROR",
        "use_listen_notify": False,
    }


def _hold(path: Path) -> IO[str]:
    """A file that this process holds locked for as long as it lives, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_held(path: Path) -> bool:
    """Whether a living process of this machine holds the lock."""
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(file)
