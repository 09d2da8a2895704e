"""Input, commands and payload of the mutations on playbooks."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from schema.fields.arguments import given
from schema.fields.errors import Payload, UserError
from schema.fields.node import required_uuid
from schema.types.policies import Measure, PlaybookRun
from workflows.continuity.commands import EndPlaybook, StartPlaybook


@strawberry.input
class PlaybookInput:
    """A playbook of the CONTINUITY policy that is started.

    The lists restrict its measures; absent: all. SKUs are required for a playbook that moves units.
    """

    playbook: str
    """Name of the playbook in the policy."""
    reason: str
    """Reason, as free text; 1 to 2,000 characters."""
    channels: list[str] | None = UNSET
    """Codes of at most 250 channels."""
    locations: list[str] | None = UNSET
    """Codes of at most 250 locations."""
    skus: list[str] | None = UNSET
    """At most 1,000 SKUs."""
    carriers: list[str] | None = UNSET
    """Codes of carriers."""
    units: int | None = UNSET
    """Units of the measures that have units, in place of the policy's."""
    ends_at: datetime | None = UNSET
    """Time at which the playbook ends by the clock, within 366 days; absent: until it is ended."""
    dry_run: bool | None = False
    """True: nothing is started. The payload has the measures and what they would affect."""

    def to_command(self) -> StartPlaybook:
        """The command."""
        return StartPlaybook(
            playbook=self.playbook,
            reason=self.reason,
            channels=_codes(self.channels),
            locations=_codes(self.locations),
            skus=_codes(self.skus),
            carriers=_codes(self.carriers),
            units=given(self.units),
            ends_at=given(self.ends_at),
            is_dry_run=bool(self.dry_run),
        )


def _codes(codes: list[str] | None) -> tuple[str, ...] | None:
    found = given(codes)
    return None if found is None else tuple(found)


def end(run_id: ID, note: str) -> EndPlaybook:
    """The command. Raises NotFound."""
    return EndPlaybook(required_uuid("PlaybookRun", run_id, "id"), note)


@strawberry.type
class PlaybookPayload(Payload):
    """A run that was started or ended."""

    run: PlaybookRun | None
    """Null if the mutation was refused, and for a dry run."""
    measures: list[Measure]
    """Measures of the run or of the dry run."""
    replayed: bool
    user_errors: list[UserError]
