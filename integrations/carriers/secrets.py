"""Secrets of carrier webhooks: those of a carrier of its own, else the shared ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.errors import Invalid
from domain.values.codes import check_stored, comparison_key, stored_form
from integrations.carriers.reports import parse_reports
from integrations.signed_webhooks import SignedMessage, WebhookRefused, WebhookSecrets


def parse_carrier_secrets(text: object) -> Mapping[str, Sequence[str]]:
    """Parse `code=secret,…`: one or two secrets for each carrier, by the codes of the carriers.

    Raises ValueError, whose message contains no secret.
    """
    if isinstance(text, Mapping):
        return text
    found: dict[str, list[str]] = {}
    for part in filter(None, map(str.strip, str(text).split(","))):
        code, _, secret = part.partition("=")
        code = stored_form(code)
        try:
            check_stored(code)
        except Invalid:
            raise ValueError("each secret must be written as code=secret") from None
        known = next((each for each in found if comparison_key(each) == comparison_key(code)), code)
        found.setdefault(known, []).append(secret)
    for secrets in found.values():
        WebhookSecrets(secrets)
    return found


class CarrierSecrets:
    """The secrets that may sign the reports of each carrier.

    The reports of a carrier with secrets of its own must be signed with one of these. All others
    must be signed with a shared secret. A message of several carriers needs a signature for each.
    """

    def __init__(self, shared: WebhookSecrets, own: Mapping[str, Sequence[str]]) -> None:
        self._shared = shared
        self._own = {comparison_key(code): WebhookSecrets(each) for code, each in own.items()}

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        """Return the message if the secrets of all its carriers signed it.

        The body is read after one of all secrets has signed it. Raises WebhookRefused, or
        ValueError for a malformed body.
        """
        message = self._verify_any(headers, body)
        for carrier in {report.carrier for report in parse_reports(body)} if self._own else ():
            try:
                self._own.get(comparison_key(carrier), self._shared).verify(headers, body)
            except WebhookRefused:
                raise WebhookRefused(f"no secret of the carrier {carrier} signed it") from None
        return message

    def _verify_any(self, headers: Mapping[str, str], body: bytes) -> SignedMessage:
        for secrets in self._own.values():
            try:
                return secrets.verify(headers, body)
            except WebhookRefused:
                continue
        return self._shared.verify(headers, body)
