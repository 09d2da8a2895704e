"""Tables of scans: picked units that wait to be booked on their level, and calls of scanners."""

from __future__ import annotations

from tortoise import fields

from models.database.model import Model


class UnbookedPick(Model):
    """Units that a scan picked (below 0: put back) and that `stock_level.picked` has not yet.

    The row is deleted when they are booked, under the lock of the level. Ids ascend in the order of
    the scans of an order. `bin_id`: the bin that the scan named.
    """

    id = fields.BigIntField(primary_key=True)
    item_id = fields.BigIntField()
    location_id = fields.BigIntField()
    units = fields.BigIntField()
    bin_id = fields.BigIntField(null=True)
    actor = fields.TextField()

    class Meta:
        table = "unbooked_pick"


class ScanCall(Model):
    """One call of `fulfillmentScan`: its scans, and those of them that were refused."""

    id = fields.UUIDField(primary_key=True)
    location_id = fields.BigIntField()
    queue = fields.TextField()
    actor = fields.TextField()
    scanned_at = fields.DatetimeField()
    scans = fields.BigIntField()
    refused = fields.BigIntField()

    class Meta:
        table = "scan_call"
