"""Write schema/schema.graphql, whose diff is the API review, or check that it is up to date."""

import sys
from pathlib import Path

import typer

from resolvers.root import schema

ROOT = Path(__file__).parent.parent
SDL = ROOT / "schema" / "schema.graphql"


def main(check: bool = typer.Option(False, help="write nothing, fail where it differs")) -> None:
    """Export the schema of resolvers/root.py as SDL."""
    # The printer also indents the empty lines of descriptions.
    exported = "".join(f"{line.rstrip()}\n" for line in schema.as_str().splitlines())
    current = SDL.read_text() if SDL.exists() else ""
    if check and exported != current:
        sys.exit("schema: schema/schema.graphql is out of date; run `make schema`")
    if not check:
        SDL.write_text(exported)
    print("schema: schema/schema.graphql is up to date")


if __name__ == "__main__":
    typer.run(main)
