"""The reference in the rooms' guides: every key of each YAML file. `python tests/guide_reference.py` writes it anew.

It comes from the schemas, which come from the types (`sluice schema --write`), and is the last part of a guide.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from infra.yaml_reference import yaml_reference

ROOT = Path(__file__).parent.parent
RULES = Path("policies/rules")
SCHEMAS = {
    "flows/README.md": {"a pipeline": Path("flows/pipelines/pipeline.schema.json")},
    "policies/README.md": {
        "a guardrail policy": RULES / "guardrails/guardrails.schema.json",
        "a suite of expectations": RULES / "expectations/expectations.schema.json",
        "a gate": RULES / "gates/gates.schema.json",
        "an access policy": RULES / "access/access.schema.json",
    },
}
"""For each guide: what its files are called, and their schemas."""
_HEADING = "## Every key of "


def rewritten(guide: str, text: str) -> str:
    """The guide with its reference made anew."""
    parts = [text.partition(f"\n{_HEADING}")[0].rstrip("\n")]
    for name, path in SCHEMAS[guide].items():
        schema = json.loads((ROOT / path).read_text(encoding="utf-8"))
        parts.append(f"{_HEADING}{name}\n\n{yaml_reference(schema).rstrip()}")
    return "\n\n".join(parts) + "\n"


def main() -> int:
    """Writes each guide; always 0."""
    for guide in SCHEMAS:
        path = ROOT / guide
        path.write_text(rewritten(guide, path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
