"""The HTTP client of a carrier, against a carrier in its own process."""

from collections.abc import AsyncIterator, Iterator

import pytest

from domain.orders.labels import LabelFormat
from domain.values.money import Money
from integrations.carriers.addresses import open_carriers, parse_carriers
from integrations.carriers.carrier import LabelOrder, Purchase, PurchaseStatus, VoidStatus
from integrations.carriers.http import HttpCarrier
from integrations.errors import IntegrationTimeout, IntegrationUnavailable
from integrations.http_client import HttpLimits
from tests.integrations.carriers.carrier_process import CarrierProcess, run_carrier

LIMITS = HttpLimits(
    connect=5.0, answer=1.0, tries=3, all_tries=30.0, first_wait=0.01, longest_wait=0.02
)


@pytest.fixture(scope="module")
def carrier() -> Iterator[CarrierProcess]:
    yield from run_carrier()


@pytest.fixture
async def client(carrier: CarrierProcess) -> AsyncIterator[HttpCarrier]:
    opened = HttpCarrier(carrier.url, limits=LIMITS)
    yield opened
    await opened.close()


def order(manner: str, key: str) -> LabelOrder:
    return LabelOrder(key, "R-1", manner, LabelFormat.ZPL, {"code": "A"}, {}, {"units": 1})


async def test_a_label_is_ordered_and_bought(client: HttpCarrier, carrier: CarrierProcess) -> None:
    found = await client.buy(order("ok", "k-ok"))
    assert (found.status, found.cost) == (PurchaseStatus.BOUGHT, Money(395, "GBP"))
    assert found.document == "eHh4"
    [sent] = [each for each in carrier.state()["log"] if each["key"] == "k-ok"]
    assert sent["body"] == {
        "reference": "R-1",
        "service": "ok",
        "format": "ZPL",
        "from": {"code": "A"},
        "to": {},
        "parcel": {"units": 1},
    }
    assert await client.look_up("k-ok") == found
    assert await client.look_up("k-unknown") is None


@pytest.mark.parametrize("manner", ["failed", "failed-422"])
async def test_a_refusal_is_definite(client: HttpCarrier, manner: str) -> None:
    found = await client.buy(order(manner, f"k-{manner}"))
    assert found == Purchase(PurchaseStatus.FAILED, reason="address_not_served")


@pytest.mark.parametrize("manner", ["slow", "flaky"])
async def test_a_carrier_that_stumbles_is_asked_again_with_the_same_key(
    client: HttpCarrier, carrier: CarrierProcess, manner: str
) -> None:
    key = f"k-{manner}"
    found = await client.buy(order(manner, key))
    state = carrier.state()
    assert state["sold"][key]["trackingNumber"] == found.tracking_number
    assert len([each for each in state["log"] if each["key"] == key]) > 1


async def test_everything_else_leaves_the_outcome_unknown(
    client: HttpCarrier, carrier: CarrierProcess
) -> None:
    with pytest.raises(IntegrationTimeout):
        await client.buy(order("lost", "k-lost"))
    with pytest.raises(IntegrationUnavailable):
        await client.buy(order("garbage", "k-garbage"))
    assert not {"k-lost", "k-garbage"} & set(carrier.state()["sold"])


async def test_a_large_document_is_dropped_and_the_label_is_bought(client: HttpCarrier) -> None:
    found = await client.buy(order("large", "k-large"))
    assert (found.status, found.document) == (PurchaseStatus.BOUGHT, None)
    expected = "The document was not kept: at most 524,288 bytes are allowed; it has 614,400."
    assert found.reason == expected


async def test_labels_are_given_back_or_kept(client: HttpCarrier) -> None:
    assert (await client.void("L-9")).status is VoidStatus.VOIDED
    kept = await client.void("kept")
    assert (kept.status, kept.reason) == (VoidStatus.REFUSED, "already_scanned")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("simulator=simulator", ["simulator"]),
        ("dhl=https://u:p@dhl.example/v1, x=simulator?chaos=7", ["dhl", "x"]),
        ("local=http://127.0.0.1:9000", ["local"]),
    ],
)
async def test_carriers_are_listed_with_their_addresses(text: str, codes: list[str]) -> None:
    addresses = parse_carriers(text)
    assert list(addresses) == codes
    assert "u:p" not in repr(addresses)
    for each in open_carriers(addresses, "GBP").values():
        await each.close()


@pytest.mark.parametrize(
    "text",
    ["dhl", "=simulator", "dhl=http://dhl.example", "a=simulator,A=simulator", "a=simulator?x=1"],
)
def test_other_lists_of_carriers_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"carrier|simulator"):
        parse_carriers(text)
