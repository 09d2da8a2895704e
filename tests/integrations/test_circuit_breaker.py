from integrations.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_circuit_opens_after_so_many_failures_in_a_row() -> None:
    breaker = CircuitBreaker(Clock(), failures_max=3, rest_seconds=10)
    for _ in range(2):
        breaker.failed()
    breaker.succeeded()
    for _ in range(2):
        breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
    assert breaker.is_open


def test_behind_the_rest_one_call_tries_and_the_others_wait_on() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, failures_max=1, rest_seconds=10)
    breaker.failed()
    clock.now = 10
    assert breaker.admits()
    assert not breaker.admits()
    breaker.failed()
    clock.now = 19
    assert not breaker.admits()
    clock.now = 20
    assert breaker.admits()
    breaker.succeeded()
    assert breaker.admits()
    assert not breaker.is_open


def test_a_trial_that_never_comes_back_holds_nobody_up_for_long() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, failures_max=1, rest_seconds=10)
    breaker.failed()
    clock.now = 10
    assert breaker.admits()
    clock.now = 20
    assert breaker.admits()
