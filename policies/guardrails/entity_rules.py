"""What one check does with each kind of find: the action and the threshold of the kind, or else the check's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from policies.checks import Action, CheckBase, PiiCheck
from policies.guardrails.redact import Span
from policies.verdict import Verdict

VERDICTS: Mapping[Action, Verdict] = {
    "block": Verdict.BLOCK,
    "retry": Verdict.BLOCK,
    "redact": Verdict.REDACT,
    "mask": Verdict.REDACT,
    "hash": Verdict.REDACT,
    "encrypt": Verdict.REDACT,
    "pseudonymise": Verdict.REDACT,
    "flag": Verdict.FLAG,
}
"""What each action says of a text."""


@dataclass(frozen=True)
class EntityRules:
    """Frozen, and looked up for each find."""

    default: Action
    actions: Mapping[str, Action] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, check: CheckBase) -> EntityRules:
        """Those of a check."""
        rules = (check.options.rules or ()) if isinstance(check, PiiCheck) else ()
        return cls(
            check.action,
            {rule.entity: rule.action for rule in rules if rule.action is not None},
            {rule.entity: check.threshold if rule.threshold is None else rule.threshold for rule in rules},
        )

    def action(self, entity: str) -> Action:
        """What becomes of a text that holds one."""
        return self.actions.get(entity, self.default)

    def marked(self, span: Span) -> Span:
        """A find with its verdict; until it is replaced, `becomes` holds the name of the action that is to do it."""
        action = self.action(span.entity)
        verdict = VERDICTS[action]
        becomes = action if verdict is Verdict.REDACT and action != "redact" else ""
        if span.verdict is verdict and span.becomes == becomes:
            return span
        return replace(span, verdict=verdict, becomes=becomes)

    def counts(self, span: Span) -> bool:
        """Whether a find is sure enough. Detectors look with the lowest threshold of all that they share."""
        return span.score >= self.thresholds.get(span.entity, 0.0)

    def lowest(self, threshold: float) -> float:
        """The threshold with which a check's detectors look, given the check's own."""
        return min(self.thresholds.values(), default=threshold)
