"""`sluice explain RESPONSE_ID`: where an answer came from, as a tree; as a receipt that verifies without Sluice.

Its JSON: flows/provenance_record.py, and with `--out` or `--verify` besides "receipt": {"folder": TEXT or null,
"entries": INT, "tree_size": INT, "checkpoint": TEXT, "verified": TEXT}.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.ending import say_next

if TYPE_CHECKING:
    from rich.tree import Tree

    from flows.provenance_evidence import Archive
    from flows.provenance_record import Provenance, RowsFound, Step

_CHAIN = ("release", "model version", "gate decision", "evaluation report", "adapter", "dataset snapshot")
"""Each of these hangs on the one before; the others hang beside what they belong to."""


def explain(
    response_id: Annotated[str, typer.Argument(metavar="RESPONSE_ID", help="the `id` of an answer")],
    rows: Annotated[int, typer.Option("--rows", min=0, help="how many row digests of each split to show")] = 3,
    out: Annotated[Path | None, typer.Option(help="write the receipt, a bundle, into this new folder")] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="check the receipt as its reader will; instead of an id: a receipt's folder"),
    ] = False,
    log_key: Annotated[
        list[str] | None, typer.Option("--key", help="with a folder: the log's pinned public key")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")] = False,
) -> None:
    """Walks back from an answer to its policy, release, approver, gate, evaluation, adapter, data set and rows.

    Every step is checked again; exit 1 when something does not hold.
    """
    from flows.cli.bars import Bars
    from flows.provenance import trace
    from flows.provenance_evidence import Archive
    from infra.settings import read_settings

    if verify and Path(response_id).is_dir():
        typer.echo(f"verified: {_offline(Path(response_id), log_key or [])}")
        return
    archive = Archive.open(read_settings().home)
    with Bars().task("walk back and check every step"):
        found = trace(response_id, archive, rows_shown=rows)
        receipt = _receipt(found, archive, out) if found.ok and (out or verify) else {}
    if as_json:
        typer.echo(json.dumps(found.to_json() | receipt, indent=2, ensure_ascii=False))
    else:
        from rich.console import Console
        from rich.markup import escape

        console = Console()
        console.print(tree(found))
        for failure in found.failures:
            console.print(f"[red]does not hold:[/red] {escape(failure)}", highlight=False)
        checks = sum(len(step.checks) for step in found.steps)
        if found.ok:
            console.print(f"[green]{checks} checks passed[/green]", highlight=False)
        if receipt:
            console.print(f"[green]receipt verified[/green]: {receipt['receipt']['verified']}", highlight=False)
        after = f"sluice explain {out} --verify --key KEY" if out else f"sluice audit show {response_id}"
        say_next(after if found.ok else "sluice audit verify")
    if not found.ok:
        raise typer.Exit(1)


def _receipt(found: Provenance, archive: Archive, out: Path | None) -> dict[str, Any]:
    """Writes the receipt, to a place of its own where none was given, and checks it as its reader will."""
    from flows.receipt import write_receipt
    from infra.ledger.bundle import check_bundle

    with tempfile.TemporaryDirectory(prefix="sluice-receipt-") as beside:
        folder = out or Path(beside) / "receipt"
        made = write_receipt(found, archive, folder)
        verified = check_bundle(folder, archive.ledger.keys)
    shape = {
        "folder": str(out) if out else None,
        "entries": made.entries,
        "tree_size": made.tree_size,
        "checkpoint": made.checkpoint,
        "verified": verified,
    }
    return {"receipt": shape}


def _offline(folder: Path, keys: list[str]) -> str:
    """Checks a receipt with pinned keys, or with those of the home where none is given."""
    from infra.errors import BadInput
    from infra.ledger.bundle import check_bundle
    from infra.ledger.log import Ledger
    from infra.ledger.verify import LogKey
    from infra.settings import read_settings

    try:
        pinned = tuple(LogKey.read(key if "+" in key else Path(key).read_text("ascii")) for key in keys)
    except (OSError, ValueError):
        raise BadInput("not a log's public key: expected NAME+ID+BASE64", cure="sluice audit key") from None
    return check_bundle(folder, pinned or Ledger.open(read_settings().home).keys)


def tree(found: Provenance) -> Tree:
    """The walk: answer, below it its guardrails and its release, and so on down to the rows."""
    from rich.tree import Tree

    steps = {step.step: step for step in found.steps}
    root = Tree(_label(steps["answer"]))
    at = root
    if guardrails := steps.get("guardrails"):
        at.add(_label(guardrails))
    for name in _CHAIN:
        step = next((step for step in found.steps if step.step == name), None)
        if step is None:
            continue
        at = at.add(_label(step))
        if name == "release" and (approval := steps.get("approval")):
            at.add(_label(approval))
    for rows in found.rows:
        _add_rows(at, rows)
    return root


def _label(step: Step) -> str:
    from rich.markup import escape

    from infra.digest import short

    mark = "[green]✓[/green]" if step.ok else "[red]✗[/red]"
    entry = f" [dim]entry {step.ledger_index}[/dim]" if step.ledger_index is not None else ""
    head = f"{mark} [bold]{step.step}[/bold] {short(step.digest) if step.digest else '-'}{entry}"
    facts = [f"[dim]{escape(fact.name)}[/dim] {escape(_brief(fact.value))}" for fact in step.facts]
    return "\n".join([head, *facts])


def _brief(value: str) -> str:
    """A fact for a terminal: digests are shortened, the JSON has them whole."""
    from infra.digest import short

    return " ".join(short(word) if word.startswith("sha256:") else word for word in value.split(" "))


def _add_rows(at: Tree, rows: RowsFound) -> None:
    from rich.markup import escape

    from infra.digest import short

    mark = "[green]✓[/green]" if rows.verified + rows.erased == rows.rows else "[red]✗[/red]"
    branch = at.add(
        f"{mark} [bold]{rows.split} rows[/bold] {short(rows.manifest)}: "
        f"{rows.verified:,} of {rows.rows:,} hash to the digest in the manifest"
        f"{f', {rows.erased:,} erased' if rows.erased else ''}"
    )
    for row in rows.shown:
        branch.add(f"{escape(row.row_id)} {short(row.digest)}")
    if rows.rows > len(rows.shown):
        branch.add(f"[dim]and {rows.rows - len(rows.shown):,} more (--rows N)[/dim]")
