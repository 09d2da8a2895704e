"""Functions whose statements read more pages in larger tables, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

_COUNTED = "the number of rows of a list is counted exactly"

GROWING: Mapping[str, str] = {
    "schema.fields.paging.total_count": _COUNTED,
    "models.queries.catalog.item_search.count": _COUNTED,
    "models.queries.reads.ledger.balances": "the trial balance adds up all journal lines",
    "models.queries.orders.reservations.lines_over": "a sweep ends up to 4,000 lines at once",
    "models.queries.stock.changes.since": "it reads the events that came meanwhile, at most 2,000",
    "models.queries.events.event_log.number_pending": "as many events as wait have their turn",
}

# Parts of such statements, where other statements of the same function do not grow.
GROWING_TEXTS: Mapping[str, str] = {
    "= ANY(ARRAY(\nWITH RECURSIVE block": "a search reads what it finds in a block of 8,192 items",
    "s.available < s.safety_stock": "no index: it would have to change with each movement of stock",
}

# The beginning of statements that read a large table as a whole on SQLite, each with its reason.
WHOLE: Mapping[str, str] = {
    "SELECT count(*)": _COUNTED,
    "SELECT l.account, l.currency, sum(": "the trial balance adds up all journal lines",
}

# Functions of models/queries whose statements the load need not send, by module. They belong to
# keys and policies, which are few, to refusals and conflicts, and to rare actions.
_UNSENT: Mapping[str, set[str]] = {
    "access": {
        "end_key",
        "key_with_id",
        "keys_named",
        "live_keys",
        "lock_key",
        "lock_unlimited_keys",
        "record_uses",
    },
    "audit_chain": {"end", "hash_at", "progress", "seals_after", "vacuum_pending"},
    "catalog/catalog": {"claim_location", "location_use", "upwards"},
    # Cycles of counts, and counts of levels that moved meanwhile, are rare.
    "counts/candidates": {"due_levels"},
    "counts/claims": {"lock_held"},
    "counts/counts": {"begin_anew", "cancel_count", "places_of"},
    "counts/reads": {"lines_by_id", "places_by_attempt"},
    # Playbooks are rare, and their jobs send most of these.
    "continuity/counts": {
        *("_count", "available_units", "labels_to_stop", "parcels_since", "parcels_to_hold"),
        *("parcels_to_move", "refunds_to_hold", "skus"),
    },
    "continuity/measures": {"lock_caps", "try_lock_caps"},
    "continuity/parcels": {"_next", "add_closed", "holds_to_release", "to_hold", "to_move"},
    "continuity/quarantines": {
        *("add_taken", "next_to_take", "next_unsettled", "settle", "unsettled"),
    },
    "continuity/reads": {"measures_by_run", "runs", "runs_by_id"},
    "continuity/runs": {
        *(
            "is_passed",
            "lock_run",
            "lock_run_of_integration",
            "measures_of",
            "set_barrier",
            "try_lock_run",
            "write_end",
        ),
        "write_status",
    },
    "continuity/stops": {"is_refund_held", "run_without_labels"},
    "events/event_archive": {"hold_retention", "oldest_events", "remove_events"},
    "events/event_log": {"vacuum_pending"},
    "exceptions/exceptions": {"step_count", "subjects_with", "write_step"},
    "idempotency": {"key_rows", "take_keys", "wait_for_key"},
    "integrations/health": {"claim_probe"},
    "integrations/reads": {"integrations_by_id"},
    "ledger": {"costs_of", "hold_shut"},
    "orders/carrier_events": {
        *("assign", "lost_at", "place_of", "transfer_parcel", "units_found"),
    },
    "orders/fulfillment_holds": {"hold_whole_order"},
    "orders/parcel_ends": {"units_of_return", "units_of_transfer"},
    "policies": {"newest", "published"},
    "reads/access": {"keys_by_id"},
    "reads/catalog": {"suppliers_by_id"},
    "reads/ledger": {"journal_lines", "periods_by_id"},
    "reads/orders": {"order_by_number"},
    "reads/policies": {"policies_by_id"},
    "reads/previews": {"decided_units"},
    "reads/refunds": {"decided_refunds", "units_by_refund"},
    "reads/returns": {"items_by_id", "return_by_tracking_number"},
    "reads/stock": {"level_causes", "level_details_by_id"},
    "refunds/refunds": {"delete_units", "release_units", "shipping_given"},
    "returns/evaluation": {"order_named"},
    "returns/returns": {"actors_of"},
    "returns/unidentified_parcels": {
        "has_discrepancies",
        "has_units",
        "lock_exceptions",
        "units_of_return",
    },
    # Of cases that are not LIVE.
    "rollout/cases": {"agreement", "destination_of", "shadow_of"},
    "statistics": {"analyze"},
    "stock/availability": {"orders_since", "skus_of_channel"},
    "stock/bins": {"bins_by_id"},
    "stock/changes": {"skus_of_orders"},
    "stock/picks": {"bin_balances"},
    "stock/stock": {"try_lock_levels"},
    "stock/transfers": {"write_number"},
    "webhooks/deliveries": {
        *("add_messages", "delete_old", "first_open", "has_parked", "integrations_of"),
        *("lock_messages", "payload_of", "queued_messages", "record_calls", "release_stopped"),
        *("repeat_messages", "retry_messages", "skip_message", "skip_waiting", "stopping_message"),
        "waiting_messages",
    },
    "webhooks/endpoints": {
        *("add_delivery", "begin_anew", "change_outage", "live_endpoints", "lock_endpoint"),
        *("lock_held", "move_fed_position", "move_position", "move_replay", "needed_after"),
        *("release_leases", "replay_of", "revise", "set_replay", "take_leases"),
    },
    "webhooks/reads": {"_visible", "attempts_by_message", "messages", "messages_by_id"},
}
# Of actions on the floor and the desk that the load does not perform yet.
_UNSENT_YET: Mapping[str, set[str]] = {
    "exceptions/exceptions": {"step_count"},
    "exceptions/overdue": {"lock_free"},
    "orders/fulfillments": {"singles_among", "write_number"},
    "orders/fulfillment_holds": {"hold_whole_order"},
    "orders/parcel_ends": {
        "customer_end",
        "location_end",
        "units_of_fulfillment",
        "units_of_return",
    },
    "reads/fulfillments": {"holds_by_id"},
    "reads/carriers": {"documents_by_label", "labels_by_id"},
    "tasks": {"first_claimable", "lock_claimable_among", "lock_tasks"},
}
_BOTH = (*_UNSENT.items(), *_UNSENT_YET.items())
UNSENT = {f"{module}.{name}" for module, names in _BOTH for name in names}
