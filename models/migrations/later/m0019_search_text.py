"""Version 19: items are found by parts of their SKU, name or barcode, through an index.

`item_text` holds the folded texts (domain/values/search_texts.py). Their parts of one to four
characters are indexed: on PostgreSQL by a GIN index over an array of parts, on SQLite by an FTS5
table that triggers keep. docs/decisions/0027-search-by-parts.md has the reasons and figures.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.values.search_texts import search_text
from models.migrations.backfills.backfill import ComputedRows
from models.migrations.dialect import Engine, render

_TABLE = """CREATE TABLE item_text (
  item_id {int} NOT NULL PRIMARY KEY REFERENCES item (id) ON DELETE RESTRICT,
  search_text {text} NOT NULL
) {strict}"""

# Each part is stored with the number of its block of 8,192 items (item_id >> 13). A search reads
# the index block by block from the newest, and stops when its page is full. PARALLEL UNSAFE: else
# PostgreSQL starts workers for every block of a large table.
_PIECES = """CREATE FUNCTION search_pieces(item_id bigint, search_text text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL UNSAFE COST 1000 AS $$
  SELECT array_agg(block || left(part, 1)) || array_agg(block || left(part, 2))
    || array_agg(block || left(part, 3)) || array_agg(block || part)
  FROM (SELECT (item_id >> 13) || ' ' AS block, substr(search_text, place, 4) AS part
    FROM generate_series(1, char_length(search_text)) AS place OFFSET 0) AS places
$$"""

# fastupdate = off: else every block of a search would read the whole list of pending entries, with
# 1,000,000 items 45 to 255 ms instead of 2 to 28.
_POSTGRES = (
    _PIECES,
    "CREATE INDEX item_search ON item_text"
    ' USING gin (search_pieces(item_id, search_text) COLLATE "C") WITH (fastupdate = off)',
    "ANALYZE item_text",
)

# The tokens are the parts in hexadecimal, so that no tokenizer divides or changes a part.
_SQLITE_PIECES = """CREATE VIEW item_pieces (item_id, pieces) AS
SELECT t.item_id, (
  WITH RECURSIVE place (n) AS (
    SELECT 1 UNION ALL SELECT n + 1 FROM place WHERE n < length(t.search_text))
  SELECT group_concat(hex(substr(part, 1, 1)) || ' ' || hex(substr(part, 1, 2)) || ' '
    || hex(substr(part, 1, 3)) || ' ' || hex(part), ' ')
  FROM (SELECT substr(t.search_text, n, 4) AS part FROM place))
FROM item_text t"""
_REMOVE = (
    "INSERT INTO item_search (item_search, rowid, pieces)"
    " SELECT 'delete', item_id, pieces FROM item_pieces WHERE item_id = OLD.item_id"
)
_ADD = (
    "INSERT INTO item_search (rowid, pieces)"
    " SELECT item_id, pieces FROM item_pieces WHERE item_id = NEW.item_id"
)
_SQLITE = (
    _SQLITE_PIECES,
    "CREATE VIRTUAL TABLE item_search USING fts5 (pieces, content = 'item_pieces',"
    " content_rowid = 'item_id', columnsize = 0, detail = none, tokenize = 'ascii')",
    "INSERT INTO item_search (item_search) VALUES ('rebuild')",
    f"CREATE TRIGGER item_search_insert AFTER INSERT ON item_text BEGIN {_ADD}; END",
    f"CREATE TRIGGER item_search_before BEFORE UPDATE ON item_text BEGIN {_REMOVE}; END",
    f"CREATE TRIGGER item_search_after AFTER UPDATE ON item_text BEGIN {_ADD}; END",
    f"CREATE TRIGGER item_search_delete BEFORE DELETE ON item_text BEGIN {_REMOVE}; END",
)


def statements(engine: Engine) -> Iterator[str]:
    """The statement that creates the table."""
    yield render(engine, _TABLE)


def _finish(engine: Engine) -> Iterator[str]:
    """The statements that create the index when the table is filled."""
    yield from _POSTGRES if engine == "postgres" else _SQLITE


FILL = ComputedRows(
    "item_text", "item_id", "search_text", "item", ("sku", "name", "barcode"), search_text, _finish
)
