"""schemathesis against our own description of the API: whatever is sent, no 5xx, and every answer is as described."""

import pytest
from conftest import Server
from hypothesis import HealthCheck, given, settings

schemathesis = pytest.importorskip("schemathesis")
from schemathesis import checks  # noqa: E402

pytestmark = pytest.mark.full
WANTED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]

OPTIONS = settings(
    max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True, print_blob=False
)


@pytest.fixture(scope="module")
def described(tmp_path_factory, model):
    """The description of a server without a worker, where nobody waits for stills."""
    server = Server(tmp_path_factory.mktemp("home"), model)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("skyloom.server.images.PATIENCE", 0.0)
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    server.close()


def ask(case):
    answer = case.call(timeout=60)
    late = answer.status_code == 503 and ("/images/" in case.path or case.path == "/readyz")  # there is no worker
    case.validate_response(answer, checks=WANTED[1:] if late else WANTED)


def test_every_call_is_answered_as_described(described):
    calls = [found.ok() for found in described.exclude(path_regex="/events$").get_all_operations()]  # those streams do not end
    faults = []
    for call in calls:
        try:
            OPTIONS(given(call.as_strategy())(ask))()
        except (Exception, BaseExceptionGroup) as error:
            faults.append(f"{call.label}: {error}")
    assert len(calls) > 25 and not faults, "\n\n".join(faults)
