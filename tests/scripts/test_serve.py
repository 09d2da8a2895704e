"""If `make serve` cannot start, it names the reason and the wrong variable."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.database.database import Database
from tests.builders.store import open_shop

ROOT = Path(__file__).parent.parent.parent


def refusal(**variables: str) -> str:
    """The last line that the program prints before it ends."""
    named = {f"RESTOW_{name}": value for name, value in variables.items()}
    ended = subprocess.run(
        [sys.executable, "-m", "scripts.serve"],
        cwd=ROOT,
        env={"PATH": os.defpath, "RESTOW_PORT": "18431", **named},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1, ended
    (line,) = ended.stderr.splitlines()
    return line


@pytest.mark.parametrize("what", ["a folder", "no database"])
def test_a_file_that_is_no_database(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.db"
    if what == "a folder":
        path.mkdir()
    else:
        path.write_text("This is a letter, and a long one.\n" * 10)
    line = refusal(DATABASE_URL=f"sqlite://{path}")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")


def test_a_database_that_does_not_exist(postgres_url: str) -> None:
    line = refusal(DATABASE_URL=f"{postgres_url}_gone")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")
    assert "does not exist" in line


def test_a_server_that_does_not_answer() -> None:
    line = refusal(DATABASE_URL="postgres://restow:secret@127.0.0.1:1/restow")
    assert line.startswith("serve: RESTOW_DATABASE_URL: the database cannot be reached: ")
    assert "secret" not in line


async def test_the_base_currency_stays_once_stock_was_received(database: Database) -> None:
    shop = await open_shop(database)
    await shop.receive(1)
    line = refusal(DATABASE_URL=database.url, BASE_CURRENCY="EUR")
    assert line == (
        "serve: RESTOW_BASE_CURRENCY: it is EUR, but costs are kept in GBP since stock was received"
    )
