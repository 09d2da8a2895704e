"""Errors of calls to outside systems: a payment gateway, a carrier.

    IntegrationError               the outcome is UNKNOWN, whatever the reason
    ├── IntegrationTimeout         the request was sent; no answer arrived in time
    └── IntegrationUnavailable     no usable answer: connection refused, broken, or never sent

Only an answer is a fact. An error never means that a request had no effect. An unknown outcome is
looked up with the same key, or the request is sent again with it; never with another key.
"""


class IntegrationError(Exception):
    """The outcome is unknown. `was_asked` False: the request certainly never arrived.

    `is_throttled`: the system answered that it gets too many requests (429).
    """

    def __init__(
        self,
        message: str,
        *,
        was_asked: bool = True,
        may_retry: bool = True,
        is_throttled: bool = False,
    ) -> None:
        super().__init__(message)
        self.was_asked = was_asked
        self.may_retry = may_retry
        self.is_throttled = is_throttled


class IntegrationTimeout(IntegrationError):
    """No answer arrived in time; the request may have had its effect."""


class IntegrationUnavailable(IntegrationError):
    """The system could not be reached, or its answer does not state an outcome."""
