"""A real server process, forked from a parent that has imported the program (tests/forks).

`dies_at` kills it by SIGKILL: {"work": "label", "point": 4} at the fifth point of that work.
Points are before, inside and after each of its transactions, and before and after each purchase
of a label. `idle`: the work whose job does not run.

With `dies_at` or `idle`, jobs of works run five times a second and take small steps, and calls of
carriers end after half a second. Then a few objects are enough for many points.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import app
import integrations.carriers.addresses as carrier_addresses
import scripts.serve
import workflows.carriers.label_purchases as label_purchases
import workflows.counts.promised_units as promised_units
import workflows.exceptions.sweep as exception_sweep
import workflows.warehouse.scanned_parcels as scanned_parcels
from integrations.http_client import HttpLimits
from tests.forks.kill_points import KillPoint, MortalCarrier, MortalTransactions
from workflows.counts.posting import PostingRounds
from workflows.jobs import JOBS

# The job of each work; scans have none.
JOB_NAMES = {"label": "buy labels", "posting": "post counts", "sweep": "open overdue exceptions"}
JOB_SECONDS = 0.2
ORDERS_MAX = 5
SUBJECTS_MAX = 3
LIMITS = HttpLimits(answer=0.5, tries=1, all_tries=5.0)
# A label whose process was killed is looked up by the next process at once.
CLAIM = timedelta(seconds=1)

_is_at_work: ContextVar[bool] = ContextVar("is_at_work", default=False)


def live(facts: dict[str, Any]) -> None:
    """Serve until stopped or killed."""
    log = os.open(facts["log"], os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(facts["environment"])
    if facts["dies_at"] or facts["idle"]:
        _hurry(facts["idle"])
    if facts["dies_at"]:
        _make_mortal(**facts["dies_at"])
    scripts.serve.main()


def _hurry(idle: str | None) -> None:
    names = {name for work, name in JOB_NAMES.items() if work != idle}
    jobs = tuple(
        replace(job, seconds=JOB_SECONDS) if job.name in names else job
        for job in JOBS
        if idle is None or job.name != JOB_NAMES[idle]
    )
    for owner, name, value in (
        (app, "JOBS", jobs),
        (app, "open_carriers", partial(carrier_addresses.open_carriers, limits=LIMITS)),
        (promised_units, "ORDERS_MAX", ORDERS_MAX),
        (exception_sweep, "STEP_MAX", SUBJECTS_MAX),
        (label_purchases, "CLAIM", CLAIM),
    ):
        setattr(owner, name, value)


def _make_mortal(work: str, point: int) -> None:
    kill_point = KillPoint(point, _is_at_work.get)
    MortalTransactions.kill_point = MortalCarrier.kill_point = kill_point
    for module, mortal, base in (
        (app, MortalTransactions, "Transactions"),
        (carrier_addresses, MortalCarrier, "HttpCarrier"),
    ):
        setattr(module, base, mortal)
    owner, name = {
        "label": (label_purchases.LabelPurchases, "work"),
        "posting": (PostingRounds, "work"),
        "sweep": (exception_sweep.ExceptionSweep, "step"),
        "scan": (scanned_parcels, "read"),
    }[work]
    setattr(owner, name, _at_work(getattr(owner, name)))


def _at_work(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The step, after which its task is at work."""

    async def begun(*args: Any) -> Any:
        _is_at_work.set(True)
        return await step(*args)

    return begun
