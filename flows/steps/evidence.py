"""Evidence: does everything that a manifest names still stand, and does it belong together?

Checked before an approval and before a release.
"""

from __future__ import annotations

from infra.contracts.adapter import Adapter
from infra.contracts.dataset import DatasetSnapshot
from infra.contracts.evaluation import EvaluationReport
from infra.contracts.gate import GateDecision, GateVerdict
from infra.contracts.model_version import ModelVersion
from infra.digest import sha256_file
from infra.errors import BadInput, Refused, StoreError
from infra.stores.blobs import Blobs
from policies.access import AccessPolicy, parse_access

_CURE = "retrain the pipeline: what this version was made from is gone or was changed"


def check_evidence(manifest: ModelVersion, blobs: Blobs) -> AccessPolicy:
    """Reads what the manifest names, back to the snapshot, and gives the access policy that it is bound to.

    Raises Refused when a part is missing, was changed, belongs to another one, or when the gate did not say GO.
    """
    try:
        decision = GateDecision.from_json(blobs.get(manifest.decision))
        report = EvaluationReport.from_json(blobs.get(manifest.report))
        adapter = Adapter.from_json(blobs.get(manifest.adapter))
        snapshot = DatasetSnapshot.from_json(blobs.get(manifest.snapshot))
        blobs.get(manifest.guardrails)
        files_stand = all(sha256_file(blobs.path(file.digest)) == file.digest for file in adapter.files)
    except (StoreError, BadInput, OSError):
        raise Refused("a part that the manifest names is missing or was changed", cure=_CURE) from None
    if not files_stand:
        raise Refused("a file of the adapter is not what its digest says", cure=_CURE)
    if decision.verdict is not GateVerdict.GO:
        raise Refused(f"the gate said {decision.verdict.value}, not GO", cure="sluice retrain PIPELINE")
    belongs = (
        decision.report == manifest.report
        and report.adapter == manifest.adapter
        and report.snapshot == manifest.snapshot == adapter.snapshot
        and report.base_model == manifest.base_model == adapter.base_model
        and {decision.pipeline, report.pipeline, adapter.pipeline, snapshot.pipeline} == {manifest.pipeline}
    )
    if not belongs:
        raise Refused("the parts that the manifest names do not belong together", cure=_CURE)
    return read_access(manifest, blobs)


def read_access(manifest: ModelVersion, blobs: Blobs) -> AccessPolicy:
    """The access policy that a version is bound to. Raises Refused when its text is missing or was changed."""
    try:
        text = blobs.get(manifest.access).decode("utf-8")
        return parse_access(text, source=f"access policy {manifest.access}")
    except (StoreError, BadInput, OSError, UnicodeDecodeError):
        raise Refused("the version's access policy is missing or was changed", cure=_CURE) from None
