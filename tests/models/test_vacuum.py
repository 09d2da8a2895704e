"""PostgreSQL vacuums holds and their lines after 10,000 ended ones and a hundredth of the table."""

from models.migrations.later.m0024_vacuum_of_holds import TABLES
from tests import raw

_OPTIONS = (
    "SELECT relname, unnest(reloptions) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


async def test_holds_and_their_lines_are_vacuumed_early(postgres_url: str) -> None:
    expected = {"autovacuum_vacuum_scale_factor=0.01", "autovacuum_vacuum_threshold=10000"}
    found = {(str(row[0]), str(row[1])) for row in await raw.rows(postgres_url, _OPTIONS)}
    assert found == {(table, option) for table in TABLES for option in expected}
