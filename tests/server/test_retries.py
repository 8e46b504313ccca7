"""Which answers the real client repeats, and in which shape a fault of the server's own comes."""

import openai
import pytest

from skyloom.server.wire import ApiError

SHORT = {"prompt": "a fox", "seconds": "0.5", "size": "64x64"}


@pytest.fixture
def stumbling(quiet, monkeypatch):
    """A client of a server whose orders fail as the test says; returns what it was asked, and the waits between."""
    calls, waits = [], []
    monkeypatch.setattr("time.sleep", lambda seconds: waits.append(seconds))  # of the client, between its tries

    def fail(*errors):
        left = list(errors)
        create = type(quiet.service.orders).create

        def stumble(orders, *arguments):
            calls.append(1)
            if left:
                raise left.pop(0)
            return create(orders, *arguments)

        monkeypatch.setattr(type(quiet.service.orders), "create", stumble)
        return quiet.client(max_retries=2)

    yield fail, calls, waits
    for job in quiet.service.store.open_jobs():
        quiet.service.delete(job)


@pytest.mark.parametrize(
    "error",
    [
        ApiError(408, "The body came too slowly.", code="timeout"),
        ApiError(429, "Too many.", code="rate_limit_exceeded", wait=2),
        ApiError(503, "The disk is full.", code="disk_full", wait=2),
        KeyError("a fault of ours"),
    ],
)
def test_what_may_pass_is_asked_again(stumbling, error):
    fail, calls, waits = stumbling
    assert fail(error).videos.create(**SHORT).status == "queued"
    assert len(calls) == 2
    if isinstance(error, ApiError) and error.wait:
        assert waits[0] == error.wait


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415])
def test_what_would_fail_again_is_not(stumbling, status):
    fail, calls, _ = stumbling
    client = fail(*[ApiError(status, "No.", code="no")] * 3)
    with pytest.raises(openai.APIStatusError) as error:
        client.videos.create(**SHORT)
    assert (error.value.status_code, error.value.code, len(calls)) == (status, "no", 1)


def test_a_fault_of_our_own_has_the_shape_of_all_errors(stumbling):
    fail, calls, _ = stumbling
    client = fail(*[RuntimeError("secret words")] * 3)
    with pytest.raises(openai.InternalServerError) as error:
        client.videos.create(**SHORT)
    assert len(calls) == 3 and "secret" not in str(error.value)
    assert (error.value.type, error.value.code) == ("server_error", "server_error")
    assert error.value.request_id and error.value.request_id.startswith("req_")
