"""Audit the dependencies: hashes, licenses, and known advisories, from files only.

Exit code 0 and a summary, or 1 and one line for each fault.
"""

from __future__ import annotations

import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from scripts.audit.locked import packages, vendored
from scripts.audit.rules import (
    Advisories,
    Licenses,
    expression_in_metadata,
    known_faults,
    unused_statements,
    without_hashes,
    wrong_licenses,
)

HERE = Path(__file__).parent
AGE_DAYS_MAX = 90  # of the advisories, before a warning


def audit() -> tuple[list[str], Advisories, int]:
    """The faults, the advisories that were compared, and the number of packages."""
    licenses = Licenses.model_validate(tomllib.loads((HERE / "licenses.toml").read_text()))
    advisories = Advisories.model_validate(tomllib.loads((HERE / "advisories.toml").read_text()))
    found = packages()
    names = {package.name: expression_in_metadata(package) for package in found}
    expressions = {name: stated for name, stated in names.items() if stated}
    faults = [
        *without_hashes(found),
        *wrong_licenses(found, licenses, expressions),
        *known_faults([*found, *vendored()], advisories),
    ]
    unused = unused_statements(found, licenses)
    lines = list(dict.fromkeys(str(fault) for fault in faults))
    lines += [f"licenses.toml: {name} is in no lock file; remove it" for name in unused]
    return lines, advisories, len(names) + len(vendored())


def main() -> None:
    """Audit, and print the result."""
    faults, advisories, count = audit()
    for fault in faults:
        print(f"audit: {fault}")
    age = (datetime.now(UTC).date() - advisories.collected_on).days
    if age > AGE_DAYS_MAX:
        print(f"audit: warning: advisories.toml is {age} days old; renew it (docs/dependencies.md)")
    summary = (
        f"{count} packages, {len(advisories.advisory)} advisories of {advisories.collected_on}"
    )
    if faults:
        sys.exit(f"audit: {len(faults)} faults; {summary}")
    print(f"audit: no faults; {summary}")


if __name__ == "__main__":
    main()
