"""Parcels: limits of weight and size, and the units of a fulfillment in several parcels."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.errors import Invalid, LimitExceeded, NotFound
from domain.problems import Problems

PARCELS_MAX: Final = 50
SIDE_MM_MAX: Final = 10_000
# The heaviest parcel that the large parcel carriers of Europe take.
GRAMS_MAX_DEFAULT: Final = 31_500


@dataclass(frozen=True, slots=True)
class ParcelUnits:
    """Units of an order line."""

    order_line_id: UUID
    quantity: int


@dataclass(frozen=True, slots=True)
class ParcelSize:
    """Weight and sizes of a packed parcel; None: not stated."""

    weight_grams: int | None = None
    length_mm: int | None = None
    width_mm: int | None = None
    height_mm: int | None = None


@dataclass(frozen=True, slots=True)
class PackedParcel:
    """A parcel that was packed. `units` None: all units of the fulfillment."""

    units: tuple[ParcelUnits, ...] | None
    size: ParcelSize


@dataclass(frozen=True, slots=True)
class ExpectedUnits:
    """Units of an order line that a fulfillment has."""

    sku: str
    quantity: int


Expected = Mapping[UUID, ExpectedUnits]


def check_size(size: ParcelSize, grams_max: int) -> None:
    """Raise Invalid, or Faults, for each figure that is out of its range."""
    problems = Problems()
    for name, value, most in (
        ("weightGrams", size.weight_grams, grams_max),
        ("lengthMm", size.length_mm, SIDE_MM_MAX),
        ("widthMm", size.width_mm, SIDE_MM_MAX),
        ("heightMm", size.height_mm, SIDE_MM_MAX),
    ):
        with problems.under():
            _check_range(name, value, most)
    problems.refuse()


def _check_range(name: str, value: int | None, most: int) -> None:
    if value is None or 1 <= value <= most:
        return
    unit = "grams" if name == "weightGrams" else "millimeters"
    raise Invalid(
        f"A parcel of 1 to {most} {unit} is allowed; {value} was sent.",
        field=(name,),
        details={"minimum": 1, "maximum": most, "requested": value},
    )


def check_parcels(
    expected: Expected, parcels: Sequence[PackedParcel], grams_max: int
) -> list[dict[UUID, int]]:
    """The units of each parcel by order line; together they are the units of the fulfillment.

    Raises Invalid, NotFound, LimitExceeded or Faults, with the path below `parcels`.
    """
    if not parcels:
        raise Invalid("At least one parcel is required. Omit `parcels` to pack all units in one.")
    if len(parcels) > PARCELS_MAX:
        raise LimitExceeded("parcels", PARCELS_MAX, len(parcels))
    problems = Problems()
    packed: list[dict[UUID, int]] = []
    for index, parcel in enumerate(parcels):
        with problems.under(str(index)):
            check_size(parcel.size, grams_max)
        with problems.under(str(index), "units"):
            packed.append(_units_of(parcel, expected, is_only=len(parcels) == 1))
    problems.refuse()
    _check_sums(expected, packed)
    return packed


def _units_of(parcel: PackedParcel, expected: Expected, *, is_only: bool) -> dict[UUID, int]:
    if parcel.units is not None:
        return check_units(expected, parcel.units)
    if not is_only:
        raise Invalid("The units of each parcel are required, because there are several parcels.")
    return {line_id: line.quantity for line_id, line in expected.items()}


def check_units(expected: Expected, units: Sequence[ParcelUnits]) -> dict[UUID, int]:
    """Units by order line, each at most what is expected of the line.

    Raises Invalid, NotFound or Faults, with the path below the list of units.
    """
    if not units:
        raise Invalid("At least one unit is required.")
    problems = Problems()
    taken: dict[UUID, int] = {}
    for index, each in enumerate(units):
        with problems.under(str(index)):
            _take(taken, each, expected)
    problems.refuse()
    return taken


def _take(taken: dict[UUID, int], each: ParcelUnits, expected: Expected) -> None:
    line = expected.get(each.order_line_id)
    if line is None:
        raise NotFound("order line", str(each.order_line_id), field=("orderLineId",))
    if each.quantity < 1:
        raise Invalid(
            f"A quantity of 1 to {line.quantity} is allowed; {each.quantity} was sent.",
            field=("quantity",),
            details={"minimum": 1, "maximum": line.quantity, "requested": each.quantity},
        )
    units = taken.get(each.order_line_id, 0) + each.quantity
    if units > line.quantity:
        raise Invalid(
            f"The fulfillment has {line.quantity} units of {line.sku} on this line;"
            f" {units} were sent.",
            field=("quantity",),
            details={"sku": line.sku, "maximum": line.quantity, "requested": units},
        )
    taken[each.order_line_id] = units


def _check_sums(expected: Expected, packed: Sequence[Mapping[UUID, int]]) -> None:
    """Raise Invalid unless the parcels have exactly the expected units."""
    wrong = [*_differences(expected, packed)]
    if wrong:
        parts = ", ".join(
            f"{each['packed']} of {each['expected']} units of {each['sku']}" for each in wrong
        )
        raise Invalid(
            f"The parcels must have all units of the fulfillment; they have {parts}.",
            details={"units": wrong},
        )


def _differences(
    expected: Expected, packed: Sequence[Mapping[UUID, int]]
) -> Iterator[dict[str, object]]:
    for line_id, line in expected.items():
        units = sum(parcel.get(line_id, 0) for parcel in packed)
        if units != line.quantity:
            yield {"sku": line.sku, "packed": units, "expected": line.quantity}


def check_named(units: Sequence[ParcelUnits], line_ids: Collection[UUID] | None) -> None:
    """Raise the faults of units that do not depend on what the fulfillment has left.

    `line_ids`: its order lines; None: the fulfillment is not found. Raises Invalid, NotFound or
    Faults, with the path below the list of units.
    """
    if not units:
        raise Invalid("At least one unit is required.")
    problems = Problems()
    for index, each in enumerate(units):
        with problems.under(str(index), "quantity"):
            if each.quantity < 1:
                raise Invalid(
                    f"At least 1 unit is required; {each.quantity} was sent.",
                    details={"minimum": 1, "requested": each.quantity},
                )
        with problems.under(str(index), "orderLineId"):
            if line_ids is not None and each.order_line_id not in line_ids:
                raise NotFound("order line", str(each.order_line_id))
    problems.refuse()


def check_split(expected: Expected, units: Sequence[ParcelUnits]) -> dict[UUID, int]:
    """The units that move to a new parcel, by order line; at least one unit stays.

    Raises Invalid, NotFound or Faults, with the path below the list of units.
    """
    moved = check_units(expected, units)
    total = sum(line.quantity for line in expected.values())
    if sum(moved.values()) == total:
        raise Invalid(
            f"At least one unit must stay in the fulfillment; all {total} units were sent.",
            details={"maximum": total - 1, "requested": total},
        )
    return moved
