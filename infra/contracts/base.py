"""What every contract is: frozen, strict, written as canonical JSON and named by the digest of its content."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from infra.clock import CLOCK
from infra.digest import Digest, canonical_json, parse_digest, sha256
from infra.errors import BadInput

_RESTORE = "restore it from a backup"


class Frozen(BaseModel):
    """A small immutable value. Unknown keys are refused; nothing is coerced."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


class Contract(Frozen):
    """One hand-off between two stages.

    Its `schema_id` is inside the digest, so that two nouns with the same fields never share a name.
    A released schema is never edited: a changed shape gets a new id, and the old class stays readable.
    """

    schema_id: ClassVar[str]

    def to_json(self) -> bytes:
        """Canonical JSON (RFC 8785) with the schema id under `schema`."""
        return canonical_json({"schema": self.schema_id, **self.model_dump(mode="json")})

    @property
    def digest(self) -> Digest:
        """The SHA-256 of `to_json()`."""
        return sha256(self.to_json())

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Reads what `to_json` wrote. Raises BadInput when it is another noun, or not well formed."""
        try:
            fields: Any = json.loads(data)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise BadInput(f"not a {cls.schema_id} contract: not a JSON object", cure=_RESTORE)
        found = fields.pop("schema", None)
        if found != cls.schema_id:
            raise BadInput(
                f"expected a {cls.schema_id} contract, found {found!r}", cure="give the digest of the right noun"
            )
        try:
            return cls.model_validate_json(json.dumps(fields))
        except ValidationError as error:
            # Only the keys: a value could be a person's text.
            keys = sorted({".".join(map(str, detail["loc"])) for detail in error.errors(include_input=False)})
            raise BadInput(f"not a {cls.schema_id} contract: bad keys {', '.join(keys)}", cure=_RESTORE) from None


DigestStr = Annotated[Digest, StringConstraints(strict=True), AfterValidator(parse_digest)]
"""A digest as a field of a contract."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""A name of a pipeline, a policy or a reviewer: also an OpenAI `model`, an MLflow model and a file name."""


def utc_text(at: datetime) -> str:
    """A time as contracts write it: RFC 3339 in UTC, always with microseconds, so that texts compare as times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Utc = Annotated[AwareDatetime, PlainSerializer(utc_text, when_used="json")]
"""An aware time, written in UTC as RFC 3339 with microseconds."""

FloatStr = Annotated[str, StringConstraints(pattern=r"^(-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|nan|inf|-inf)$")]
"""A measured float kept as text, since canonical JSON holds no NaN (a loss can be one)."""


def now() -> datetime:
    """The present time in UTC, later than every one that this process was given before."""
    return CLOCK.now()
