"""Figures for Prometheus: calls as this process saw them, jobs and workers as the database has them."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily

from .store import Store


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
        jobs = GaugeMetricFamily("skyloom_jobs", "Jobs by state.", labels=["state"])
        for state, count in self.store.counts().items():
            jobs.add_metric([state], count)
        yield jobs
        beats = [worker["beat"] for worker in self.store.workers()]
        fresh = sum(time.time() - beat < 15 for beat in beats)
        yield GaugeMetricFamily("skyloom_workers", "Workers alive.", value=fresh)
        yield GaugeMetricFamily(
            "skyloom_film_seconds", "Mean time of the last films, begun to done.", value=self.store.pace() or 0
        )

    def page(self) -> bytes:
        return generate_latest(self.registry)
