"""The units of a difference, by where they come from and where they go.

`missing` units are in doubt: short picks moved them to QUARANTINE. A count expects them with those
on the shelf. So it first tells which of them were found, and only the rest is a surplus or deficit.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posting:
    """Units of a count, by movement; none is negative.

    `found`: QUARANTINE → AVAILABLE. `gone`: QUARANTINE → outside. `surplus`: outside → AVAILABLE.
    `deficit`: units that leave AVAILABLE, then live holds, then unpicked fulfillments.
    """

    found: int
    gone: int
    surplus: int
    deficit: int

    @property
    def variance(self) -> int:
        """The units by which the movements change the stock."""
        return self.surplus - self.gone - self.deficit


def split(missing: int, variance: int) -> Posting:
    """The posting of a difference of a level with these missing units."""
    found = max(0, missing + min(0, variance))
    return Posting(
        found=found,
        gone=missing - found,
        surplus=max(0, variance),
        deficit=max(0, -variance - missing),
    )
