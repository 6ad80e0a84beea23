"""What a policy says of streams: how much of an answer may be held back, and for how long."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from infra.contracts.base import Frozen


class HoldBack(Frozen):
    """Bounds of what a stream holds back. What would go beyond one is blocked, never released unchecked."""

    most_ms: Annotated[float, Field(gt=0, le=240_000)] = 30_000
    """Milliseconds from a piece of text to its release: waiting for what follows it, and its checks, together."""
    most_characters: Annotated[int, Field(ge=1, le=65_536)] = 2_048
    """Code points that are held at once. A policy whose checks must see more than this is refused."""
    most_tokens: Annotated[int, Field(ge=1, le=65_536)] = 2_048
    """Tokens that are held at once, those included that show as no text."""
