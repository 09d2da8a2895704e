"""Facts of an item that people see: picture, attributes of the shop, origin, and customs code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from domain.catalog.commands import Absent, UpsertItem
from domain.errors import Invalid, LimitExceeded
from domain.problems import Problems
from domain.values.codes import check_stored
from domain.values.countries import check_country

URL_MAX: Final = 2_000
ATTRIBUTES_MAX: Final = 50
ATTRIBUTES_BYTES_MAX: Final = 8_192
CUSTOMS_CODE_MAX: Final = 32

DEFAULTS: Final[Mapping[str, object]] = {
    "active": True,
    "image_url": None,
    "attributes": None,
    "country_of_origin": None,
    "customs_code": None,
}


def shown_facts(given: UpsertItem, problems: Problems) -> dict[str, object]:
    """Column values that the command sets; faults are added to `problems`."""
    facts: dict[str, object] = {}
    if isinstance(given.active, bool):
        facts["active"] = given.active
    if not isinstance(given.image_url, Absent):
        facts["image_url"] = given.image_url
        with problems.under("imageUrl"):
            check_url(given.image_url)
    if not isinstance(given.attributes, Absent):
        with problems.under("attributes"):
            facts["attributes"] = attributes_text(given.attributes)
    if not isinstance(given.country_of_origin, Absent):
        facts["country_of_origin"] = given.country_of_origin
        with problems.under():
            check_country(given.country_of_origin, "countryOfOrigin")
    if not isinstance(given.customs_code, Absent):
        facts["customs_code"] = given.customs_code
        with problems.under():
            check_stored(given.customs_code, "customsCode", longest=CUSTOMS_CODE_MAX)
    return facts


def check_url(url: str | None) -> None:
    """Raise Invalid unless the text is an address that a browser can load; None passes."""
    if url is None:
        return
    if len(url) > URL_MAX:
        raise Invalid(f"At most {URL_MAX:,} characters are allowed; {len(url):,} were sent.")
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    is_whole = parts.scheme in ("https", "http") and bool(parts.netloc)
    if not (is_whole and url.isprintable() and " " not in url):
        raise Invalid("An address begins with https:// or http:// and a host name.")


def attributes_text(attributes: object) -> str | None:
    """The attributes as they are stored: equal objects have the same text. None: none.

    Raises Invalid unless they are an object, LimitExceeded if it is too large.
    """
    if attributes is None:
        return None
    if not isinstance(attributes, dict):
        raise Invalid('Attributes are an object: {"color": "red"}.')
    if len(attributes) > ATTRIBUTES_MAX:
        raise LimitExceeded("attributes", ATTRIBUTES_MAX, len(attributes))
    text = json.dumps(attributes, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    if (size := len(text.encode())) > ATTRIBUTES_BYTES_MAX:
        raise LimitExceeded("bytes of attributes", ATTRIBUTES_BYTES_MAX, size)
    return text
