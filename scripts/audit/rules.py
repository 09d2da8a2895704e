"""Rules for dependencies: hashes, licenses, and known advisories. Each returns its faults."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution

from packaging.specifiers import SpecifierSet
from pydantic import BaseModel, ConfigDict

from scripts.audit.locked import Package

_WORDS = re.compile(r"[A-Za-z0-9.+-]+")


class Licenses(BaseModel):
    """The content of licenses.toml."""

    model_config = ConfigDict(extra="forbid")

    allowed: list[str]
    stated: dict[str, str]


class Advisory(BaseModel):
    """A known fault of some versions of a package."""

    model_config = ConfigDict(extra="forbid")

    id: str
    package: str
    affected: list[str]
    summary: str


class Advisories(BaseModel):
    """The content of advisories.toml."""

    model_config = ConfigDict(extra="forbid")

    collected_on: date
    advisory: list[Advisory]


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a package breaks."""

    package: Package
    text: str

    def __str__(self) -> str:
        return f"{self.package.source}: {self.package.name} {self.package.version}: {self.text}"


def without_hashes(packages: Sequence[Package]) -> Iterator[Fault]:
    """Packages that are not locked to a version and the hashes of its files."""
    for package in packages:
        if not package.version or not package.hashes:
            yield Fault(package, "has no version or no hash; run `make lock`")


def expression_in_metadata(package: Package) -> str | None:
    """The SPDX expression in the metadata of the installed package, if there is one."""
    try:
        found = distribution(package.name)
    except PackageNotFoundError:
        return None
    return found.metadata["License-Expression"] if found.version == package.version else None


def wrong_licenses(
    packages: Sequence[Package], licenses: Licenses, expressions: Mapping[str, str]
) -> Iterator[Fault]:
    """Packages with a license that is unknown or not allowed.

    `expressions`: those in the metadata. All licenses that an expression names must be allowed.
    """
    for package in packages:
        expression = expressions.get(package.name) or licenses.stated.get(package.name)
        if expression is None:
            yield Fault(
                package, "its metadata has no license; read it and name it in licenses.toml"
            )
            continue
        named = set(_WORDS.findall(expression)) - {"AND", "OR", "WITH"}
        if refused := sorted(named - set(licenses.allowed)):
            allowed = ", ".join(licenses.allowed)
            yield Fault(package, f"license {', '.join(refused)} is not allowed; allowed: {allowed}")


def unused_statements(packages: Sequence[Package], licenses: Licenses) -> list[str]:
    """Names in licenses.toml that no lock file has."""
    return sorted(set(licenses.stated) - {package.name for package in packages})


def known_faults(packages: Sequence[Package], advisories: Advisories) -> Iterator[Fault]:
    """Packages at a version that an advisory names."""
    for package in packages:
        for advisory in advisories.advisory:
            if advisory.package == package.name and any(
                package.version in SpecifierSet(each, prereleases=True)
                for each in advisory.affected
            ):
                yield Fault(package, f"{advisory.id}: {advisory.summary}")
