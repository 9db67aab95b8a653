"""Figures of the service for Prometheus: requests, times, batches, what was refused. A registry of its own for each service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from alexnet.serve.admission import Admission

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 3, 4, 5, 6, 7, 8, 16)


class Metrics:
    """What is counted. Labels hold routes and names of models, never what a client wrote."""

    def __init__(self, admission: Admission) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("alexnet_requests", "Requests answered", ("route", "status"), registry=self.registry)
        self.seconds = Histogram(
            "alexnet_request_seconds", "From the head of a request to its answer", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.images = Counter("alexnet_images", "Images answered", ("model",), registry=self.registry)
        self.unreadable = Counter("alexnet_unreadable_images", "Images that could not be read", ("model",), registry=self.registry)
        self.batch_images = Histogram("alexnet_batch_images", "Images per run of a model", buckets=BATCHES, registry=self.registry)
        self.batch_seconds = Histogram("alexnet_batch_seconds", "Seconds per run of a model", buckets=SECONDS, registry=self.registry)
        self.reloads = Counter("alexnet_reloads", "Models loaded again", ("model",), registry=self.registry)
        in_flight = Gauge("alexnet_images_in_flight", "Images accepted and not answered", registry=self.registry)
        in_flight.set_function(lambda: admission.images)
        refused = Gauge("alexnet_refused", "Requests refused for want of room, since the start", registry=self.registry)
        refused.set_function(lambda: admission.refused)

    def batch(self, images: int, seconds: float) -> None:
        """Count one run of a model."""
        self.batch_images.observe(images)
        self.batch_seconds.observe(seconds)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self.registry)
