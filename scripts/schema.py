"""Write schema/schema.graphql and docs/events.md, or check that both are up to date.

Their diffs are the review of the API and of the events.
"""

import sys
from pathlib import Path

import typer

from resolvers.root import schema
from scripts.event_reference import reference

ROOT = Path(__file__).parent.parent
SDL = ROOT / "schema" / "schema.graphql"
EVENTS = ROOT / "docs" / "events.md"


def main(check: bool = typer.Option(False, help="write nothing, fail where one differs")) -> None:
    """Export the schema of resolvers/root.py as SDL and the event types as Markdown."""
    # The printer also indents the empty lines of descriptions.
    sdl = "".join(f"{line.rstrip()}\n" for line in schema.as_str().splitlines())
    for file, text in ((SDL, sdl), (EVENTS, reference())):
        name = file.relative_to(ROOT)
        if check and (not file.exists() or file.read_text() != text):
            sys.exit(f"schema: {name} is out of date; run `make schema`")
        if not check:
            file.write_text(text)
        print(f"schema: {name} is up to date")


if __name__ == "__main__":
    typer.run(main)
