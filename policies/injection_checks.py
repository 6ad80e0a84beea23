"""What a policy says of the check for prompt injection: one type, read from YAML."""

from __future__ import annotations

from infra.contracts.base import Frozen


class InjectionOptions(Frozen):
    """What judges whether a text attacks the instructions."""

    model: bool = True
    """true: the trained model and the rules together, at about three milliseconds for 200 characters. false: the rules
    alone, which know wordings and miss what is said in other words."""
