"""The simulated carrier: one label per key, valid documents, faults and reports from a seed."""

import asyncio
import base64
import zlib
from collections.abc import Sequence

import pytest

from domain.orders.labels import LabelFormat
from integrations.carriers.carrier import LabelOrder, PurchaseStatus, VoidStatus
from integrations.carriers.reports import CarrierReport
from integrations.carriers.simulator import CarrierSimulator
from integrations.errors import IntegrationError


def order(key: str, label_format: LabelFormat = LabelFormat.PDF) -> LabelOrder:
    return LabelOrder(key, "R-1", "STANDARD", label_format, {}, {}, {"units": 1})


@pytest.mark.parametrize(
    ("label_format", "start"),
    [(LabelFormat.PDF, b"%PDF"), (LabelFormat.ZPL, b"^XA"), (LabelFormat.PNG, b"\x89PNG")],
)
async def test_the_document_has_the_format_that_was_asked_for(
    label_format: LabelFormat, start: bytes
) -> None:
    carrier = CarrierSimulator("simulator", "GBP")
    sold = await carrier.buy(order("k", label_format))
    document = base64.b64decode(str(sold.document))
    assert document.startswith(start)
    if label_format is LabelFormat.PNG:
        size = int.from_bytes(document[33:37])
        assert len(zlib.decompress(document[41 : 41 + size])) == 40 * 19
    else:
        assert str(sold.tracking_number).encode() in document


async def test_a_key_is_sold_once_and_the_label_is_given_back() -> None:
    carrier = CarrierSimulator("simulator", "GBP")
    first = await carrier.buy(order("k"))
    assert await carrier.buy(order("k")) == first == await carrier.look_up("k")
    assert (await carrier.void(str(first.id))).status is VoidStatus.VOIDED
    assert await carrier.look_up("unknown") is None


async def test_with_a_seed_every_label_is_settled_in_the_end() -> None:
    """Calls fail before and after the purchase; reports come late, twice and out of order."""
    heard: list[CarrierReport] = []

    async def deliver(_: str, reports: Sequence[CarrierReport]) -> None:
        heard.extend(reports)

    carrier = CarrierSimulator("sim", "GBP", chaos_seed="7", deliver=deliver, delay_seconds=0.0)
    failures = 0
    for number in range(40):
        for _ in range(4):
            try:
                await carrier.buy(order(f"k-{number}"))
            except IntegrationError:
                failures += 1
    statuses = [purchase.status for purchase in carrier.purchases.values()]
    assert len(statuses) == 40
    assert failures > 20
    assert PurchaseStatus.FAILED in statuses
    await asyncio.gather(*carrier._sending)
    await carrier.close()
    numbers = {report.tracking_number for report in heard}
    assert len(numbers) == statuses.count(PurchaseStatus.BOUGHT)
    assert len(heard) > len({(each.tracking_number, each.event_id) for each in heard})
