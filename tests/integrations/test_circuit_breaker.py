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


def test_after_the_pause_one_call_tries_and_the_others_wait() -> None:
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


def test_a_trial_without_an_answer_blocks_other_calls_only_briefly() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock, failures_max=1, rest_seconds=10)
    breaker.failed()
    clock.now = 10
    assert breaker.admits()
    clock.now = 20
    assert breaker.admits()
