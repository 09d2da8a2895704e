"""Codes of items: GTINs of all lengths, GS1 strings, check digits."""

import pytest

from domain.catalog.item_codes import check_digit, check_gtin, scan_key
from domain.errors import Invalid

GTIN = "04006381333931"  # 4006381333931 is the EAN-13 of a pen, with the check digit 1
FNC1 = "\x1d"


@pytest.mark.parametrize(
    "code",
    [
        "4006381333931",
        " 4006381333931 ",
        "４００６３８１３３３９３１",
        "04006381333931",
        "0104006381333931",
        "010400638133393117280101",
        "(01)04006381333931(17)280101(10)LOT-7",
        "(10)LOT-7(01)04006381333931",
        "]C10104006381333931" + "10LOT-7",
        "]d217280101" + f"10LOT-7{FNC1}0104006381333931",
        f"{FNC1}0104006381333931{FNC1}21SERIAL",
        f"3103001250{FNC1}0104006381333931",
    ],
)
def test_a_gtin_is_found_in_every_form(code: str) -> None:
    assert scan_key(code) == GTIN


def test_short_gtins_are_compared_with_fourteen_digits() -> None:
    assert scan_key("96385074") == "00000096385074"  # GTIN-8
    assert scan_key("036000291452") == scan_key("0036000291452") == "00036000291452"  # UPC-A


@pytest.mark.parametrize("code", ["501", "123456789", "TEE-M", "A" * 13, "]C1", "]C110LOT", "01"])
def test_other_codes_are_compared_as_codes_are(code: str) -> None:
    assert scan_key(code) == code.lower()


def test_a_code_that_begins_with_01_by_chance_stays_whole() -> None:
    """Its check digit would be 1, so it is no GS1 string."""
    assert scan_key("0104006381333930") == "0104006381333930"


@pytest.mark.parametrize(
    ("digits", "check"),
    [("400638133393", 1), ("9638507", 4), ("03600029145", 2), ("0400638133393", 1)],
)
def test_check_digits(digits: str, check: int) -> None:
    assert check_digit(digits) == check
    check_gtin(f"{digits}{check}", "code")
    wrong = f"{digits}{(check + 1) % 10}"
    with pytest.raises(Invalid) as refused:
        check_gtin(wrong, "code")
    assert (refused.value.field, refused.value.details) == (
        ("code",),
        {"expected": f"{digits}{check}"},
    )
    assert str(check) in refused.value.message


def test_codes_that_are_no_gtin_have_no_check_digit() -> None:
    for code in ("501", "1234567", "ABCDEFGH", "123456789"):
        check_gtin(code, "code")
