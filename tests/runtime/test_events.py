"""The listener where the caller names none: the library's logger."""

import logging

import pytest

from alexnet.runtime.events import Message, Reading, log_messages


def test_messages_go_to_the_logger_of_the_library(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="alexnet"):
        log_messages(Message("Reading 100% of 300 pictures ..."))
        log_messages(Reading(1, 2))
    assert [(record.name, record.levelname, record.getMessage()) for record in caplog.records] == [
        ("alexnet", "INFO", "Reading 100% of 300 pictures ...")
    ]


def test_a_program_that_asks_for_nothing_hears_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    log_messages(Message("Reading ..."))
    assert capfd.readouterr() == ("", "")
