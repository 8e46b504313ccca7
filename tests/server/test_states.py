"""A machine of states: whatever callers do, in whatever order, API, database and disk tell the same story after every step."""

import os
import uuid

import pytest
from conftest import png, until
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

FILES = {"film.mp4", "thumbnail.webp", "spritesheet.jpg"}
SHORT = {"seconds": "0.25", "size": "64x64", "steps": 1}
INPUTS = {"words": set(), "picture": {"image.png"}, "remix": {"clip.mp4"}}


class Story(RuleBasedStateMachine):
    """Films are asked for, waited for, changed, cancelled, deleted; `films` is what must be there, by id."""

    server = None  # set by the test
    asked = Bundle("asked")

    def __init__(self):
        super().__init__()
        self.http = self.server.client()._client
        for job in self.server.service.store.page("video", None, None, 100, True)[0]:
            self.call("DELETE", f"/{job.id}")
        self.films, self.keys = {}, {}

    def call(self, method, path="", **body):
        headers = body.pop("headers", {})
        answer = self.http.request(method, f"{self.server.url}/v1/videos{path}", json=body or None, headers=headers)
        assert answer.status_code < 500, answer.text
        return answer.status_code, answer.json()

    def note(self, answer, kind):
        status, video = answer
        assert status == 200, video
        self.films[video["id"]] = {"kind": kind, "ends": {"completed"}}
        return video["id"]

    @rule(target=asked, prompt=st.sampled_from(["a fox", "一只猫在草地上跳跃", "a red fox runs in the snow"]))
    def create(self, prompt):
        return self.note(self.call("POST", prompt=prompt, **SHORT), "words")

    @rule(target=asked)
    def create_from_a_picture(self):
        form = {"prompt": "a fox", **{name: str(value) for name, value in SHORT.items()}}
        answer = self.http.post(f"{self.server.url}/v1/videos", data=form, files={"input_reference": ("a.png", png())})
        return self.note((answer.status_code, answer.json()), "picture")

    @rule(number=st.integers(0, 2), prompt=st.sampled_from(["a fox", "a cat"]))
    def repeat(self, number, prompt):
        key = self.keys.setdefault(number, {"header": uuid.uuid4().hex, "prompt": prompt, "id": None})
        answer = self.call("POST", prompt=prompt, **SHORT, headers={"Idempotency-Key": key["header"]})
        if key["id"] is None or key["id"] not in self.films:  # the first, or its film was deleted since
            key |= {"id": self.note(answer, "words"), "prompt": prompt}
        elif prompt == key["prompt"]:
            assert answer[1]["id"] == key["id"]
        else:
            assert (answer[0], answer[1]["error"]["code"]) == (409, "idempotency_conflict")

    @rule(target=asked, source=asked)
    def remix(self, source):
        done = self.films.get(source) and self.status(source) == "completed"
        answer = self.call("POST", f"/{source}/remix", prompt="a cat", steps=1)
        if done:
            return self.note(answer, "remix")
        if answer[0] == 200:  # it was completed just then
            return self.note(answer, "remix")
        assert answer[0] == (400 if source in self.films else 404)
        return source

    @rule(id=asked)
    def cancel(self, id):
        status, video = self.call("POST", f"/{id}/cancel")
        assert status == (200 if id in self.films else 404)
        if status == 200:
            self.films[id]["ends"] = {video["status"]}
            assert video["status"] == "completed" or video["error"]["code"] == "cancelled"

    @rule(id=consumes(asked))
    def delete(self, id):
        status, _ = self.call("DELETE", f"/{id}")
        assert status == (200 if id in self.films else 404)
        self.films.pop(id, None)

    @rule(id=asked)
    def wait(self, id):
        if id in self.films:
            until(lambda: self.status(id) in ("completed", "failed"))

    @rule()
    def tidy(self):
        self.server.service.tidy()

    def status(self, id):
        return self.call("GET", f"/{id}")[1]["status"]

    @invariant()
    def all_three_tell_the_same(self):
        store, root = self.server.service.store, self.server.service.media.root
        rows = {job.id: job for job in store.page("video", None, None, 1000, True)[0]}
        listed = {video["id"]: video for video in self.call("GET", "?limit=100")[1]["data"]}
        assert set(rows) == set(listed) == set(self.films)
        for id, film in self.films.items():
            job, folder = store.get(id), root / id
            assert job.attempts <= 1
            if job.open:
                continue
            assert job.status in film["ends"], job.error
            video = self.call("GET", f"/{id}")[1]
            assert video["status"] == job.status and (video["completed_at"] is not None) == (job.status == "completed")
            if job.status == "completed":
                assert set(os.listdir(folder)) == FILES | INPUTS[film["kind"]]
                answer = self.http.get(f"{self.server.url}/v1/videos/{id}/content")
                assert answer.status_code == 200 and answer.content == (folder / "film.mp4").read_bytes()
        until(lambda: set(os.listdir(root)) <= {job.id for job in store.page("video", None, None, 1000, True)[0]})

    def teardown(self):
        for id in list(self.films):
            self.call("DELETE", f"/{id}")
        until(lambda: not os.listdir(self.server.service.media.root))


def play(server, examples, steps):
    Story.server = server
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    options = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Story, settings=settings(options, database=None, derandomize=True))


def test_api_database_and_disk_agree(served):
    play(served, examples=3, steps=8)


@pytest.mark.full
def test_api_database_and_disk_agree_in_many_stories(served):
    play(served, examples=15, steps=20)
