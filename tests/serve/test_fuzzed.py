"""Requests that schemathesis makes from the OpenAPI description: no answer is a defect. `make test-slow` makes 2,000 of them."""

import logging
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from tests.serve.conftest import client_of

schemathesis = pytest.importorskip("schemathesis")


def fuzzed(client: httpx.Client, examples: int) -> int:
    """Send `examples` requests to each operation; returns how many were sent."""
    address = str(client.base_url).rstrip("/")
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    sent = 0
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def one(case: object) -> None:
            nonlocal sent
            response = case.call(base_url=address)  # type: ignore[attr-defined]
            sent += 1
            assert response.status_code < 500 or response.status_code == 503, response.text

        one()
    return sent


def test_no_request_is_a_defect(client: httpx.Client) -> None:
    assert fuzzed(client, 3) > 0


@pytest.mark.slow
def test_two_thousand_requests(digits_run: Path, caplog: pytest.LogCaptureFixture) -> None:
    with client_of(digits_run) as client, caplog.at_level(logging.ERROR):
        assert fuzzed(client, 360) >= 2_000
    assert "defect" not in caplog.text
