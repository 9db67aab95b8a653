"""What a client may ask of the service, and how long it may take; each limit is checked before the work that it bounds."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """The limits of one service. The defaults suit photos and a machine with a few GB of memory."""

    body_bytes: int = 32 << 20  # of one request
    body_bytes_in_flight: int = 256 << 20  # of all requests that have been accepted and not answered
    pixels: int = 50_000_000  # of one image, from its header, before it is decoded; a phone's largest photo has 48 million
    images: int = 64  # of one request
    images_in_flight: int = 128  # of all requests that have been accepted and not answered; above that, 503
    explanations_in_flight: int = 4  # each takes hundreds of passes through the model
    batch: int = 8  # images that go through the model at once
    batch_wait_seconds: float = 0.003  # how long the first image of a batch waits for others
    body_seconds: float = 15.0  # in which a request's body must have arrived
    answer_seconds: float = 30.0  # from the body to the answer
    explanation_seconds: float = 120.0
    top: int = 5  # classes in an answer, unless the request says otherwise
    most_top: int = 1_000
    reload_seconds: float = 1.0  # between two looks at the files of the models
