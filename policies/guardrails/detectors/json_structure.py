"""Whether an answer is the JSON that the pipeline's schema asks for. Needs the whole message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from infra.errors import ConfigError, Problem
from policies.guardrails.detectors.detector import Detector, Reach
from policies.guardrails.passage import Passage
from policies.guardrails.redact import Span


class JsonStructure(Detector):
    """Finds NOT_THE_JSON where a text is no JSON, or not what the schema allows."""

    name = "json-structure"
    reach = Reach(span=0, context=0, whole=True)
    spares_placeholders = False
    views = frozenset()

    def __init__(self, json_schema: str, *, source: str) -> None:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

        super().__init__(redacts=False)
        try:
            schema = json.loads(json_schema)
            Draft202012Validator.check_schema(schema)
        except (ValueError, SchemaError):
            problem = Problem(0, "prompt.json_schema", "not a JSON schema", "write the schema as one JSON object")
            raise ConfigError(source, (problem,)) from None
        self._validator = Draft202012Validator(schema)

    def find(self, passage: Passage) -> Iterator[Span]:
        """One span over the whole text when it does not fit. What does not fit is not told: it would be the text."""
        if not self._fits(passage.original):
            yield Span(0, len(passage.text), "NOT_THE_JSON", 1.0)

    def _fits(self, text: str) -> bool:
        try:
            value = json.loads(text, parse_constant=_refuse, object_pairs_hook=_no_repeats)
            return bool(self._validator.is_valid(value))
        except (ValueError, RecursionError):
            return False


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)
