"""Figures for Prometheus: calls as this process saw them, jobs and workers as the database has them."""

import time
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from .store import Store

WORKS = ("video", "image", "cut")  # kinds of jobs


class Metrics:
    def __init__(self, store: Store):
        self.store = store
        self.registry = CollectorRegistry()
        self.calls = Counter("skyloom_http_requests", "Calls answered.", ["method", "route", "status"], registry=self.registry)
        buckets = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
        self.seconds = Histogram("skyloom_http_seconds", "Time to answer.", ["route"], buckets=buckets, registry=self.registry)
        self.registry.register(self)  # type: ignore[arg-type]

    def seen(self, method: str, route: str, status: int, seconds: float) -> None:
        self.calls.labels(method, route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What the database says at this moment; the registry asks."""
        yield _by("skyloom_jobs", "Jobs by state.", "state", self.store.counts())
        beats = [worker["beat"] for worker in self.store.workers()]
        fresh = sum(time.time() - beat < 15 for beat in beats)
        yield GaugeMetricFamily("skyloom_workers", "Workers alive.", value=fresh)
        yield _by("skyloom_job_failures", "Failed jobs that are kept.", "code", self.store.failures())
        past = self.store.past()
        spent = {work: [each.spent for each in past if each.work == work] for work in WORKS}
        waited = {work: [each.waited for each in past if each.work == work] for work in WORKS}
        yield _by("skyloom_film_seconds", "Mean time of the last jobs, begun to done.", "kind", _means(spent))
        yield _by("skyloom_queue_wait_seconds", "Mean time that they had waited.", "kind", _means(waited))
        steps = _means({"": [each.step for each in past if each.step is not None]})
        yield GaugeMetricFamily("skyloom_step_seconds", "Mean time of a step of the model in them.", value=steps[""])

    def page(self) -> bytes:
        return generate_latest(self.registry)


def _by(name: str, about: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _means(values: dict[str, list[float]]) -> dict[str, float]:
    return {key: sum(some) / len(some) if some else 0.0 for key, some in values.items()}
