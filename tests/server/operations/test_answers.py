"""The reason of an UNAVAILABLE is in the log, and only there."""

import time

import pytest
from structlog.testing import capture_logs

from server.operations.answers import Answers
from server.operations.errors import RequestRefused


def translate(error: Exception) -> RequestRefused | None:
    if isinstance(error, OSError):
        return RequestRefused("UNAVAILABLE", 503, "Retry later.")
    return RequestRefused("BAD_REQUEST", 400, "No.") if isinstance(error, ValueError) else None


def test_the_reason_is_logged_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    answers, now = Answers(translate), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lost = OSError("lost")
    lost.__cause__ = TimeoutError("no connection")
    with capture_logs() as logs:
        for number in range(3):
            refused = answers.failure(lost, "r-1")
            assert (refused.code, refused.message) == ("UNAVAILABLE", "Retry later."), number
        now[0] += 1.0
        answers.failure(lost, "r-2")
        assert answers.failure(ValueError("bad"), "r-3").code == "BAD_REQUEST"
    facts = {"error": "OSError('lost')", "cause": "TimeoutError('no connection')"}
    line = {"event": "request.unavailable", "log_level": "warning", **facts}
    assert logs == [{**line, "errors": 1}, {**line, "errors": 3}]
