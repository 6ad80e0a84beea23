"""`sluice redact`: files of rows without the personal data and secrets that a policy finds in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.cli.ending import go_on, say_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.steps.redact_file import Job, RedactedFile


def redact(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, JSONL or Parquet, by their endings")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="the copies' folder; made where it is missing")],
    policy: Annotated[
        str, typer.Option("--policy", metavar="P", help="a shipped policy's name, or a path")
    ] = "default",
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="NAME", help="what to redact; left out: all texts")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="auto, en or es")] = "auto",
    processes: Annotated[
        int, typer.Option("--processes", min=0, metavar="N", help="0: one below 2,000 rows, else one for each core")
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="replace files that are in the way")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")] = False,
) -> None:
    """Redacts files with the detectors of personal data and secrets of a policy's input checks.

    Each copy has its source's name and format; dialect, order, types and every other column stay as they are. A row
    that cannot be read goes to NAME.rejected.jsonl with its number and the reason, the others are done all the same,
    and the command ends with exit code 2. A copy is there whole or not at all.
    """
    from flows.cli.bars import Bars
    from flows.steps.load_guards import read_policy
    from flows.steps.read_raw import rows_up_to
    from flows.steps.redact_file import plan_jobs, redact_file
    from flows.steps.redact_processes import FEW_ROWS, close_redactor, open_redactor, processes_for
    from infra.errors import StoreError

    spoken = _language(language)
    jobs = plan_jobs(files, out, force=force)
    parsed = read_policy(policy)
    bars, columns = Bars(), tuple(dict.fromkeys(column or ()))
    count = processes or processes_for(sum(rows_up_to(job.source, FEW_ROWS) for job in jobs))
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder: {error.strerror}", where=str(out), cure="give another --out"
        ) from None
    if not columns:
        bars.say("No --column is given: every column that holds text is redacted.")
    with bars.task("load the checks"):
        redactor = open_redactor(parsed, count)
    try:
        done = [redact_file(job, redactor, bars, columns=columns, language=spoken) for job in jobs]
    finally:
        close_redactor(redactor)
    if as_json:
        typer.echo(json.dumps(_shape(done, jobs, parsed.digest, count), indent=2))
    else:
        _print(done)
    rejected = [job.rejects for job, one in zip(jobs, done, strict=True) if one.rejected]
    for place in rejected:
        typer.echo(f"sluice: rows that could not be read are told in {place}", err=True)
    text = next((job.out for job in jobs if job.format == "jsonl"), None)
    say_next(go_on(["guard", "scan", str(text), "--policy", policy]) if text else f"ls {out}")
    if rejected:
        raise typer.Exit(2)


def _language(name: str) -> Literal["en", "es"] | None:
    from infra.errors import BadInput

    if name == "auto":
        return None
    if name == "en" or name == "es":
        return "es" if name == "es" else "en"
    raise BadInput(f"--language is auto, en or es, not {name!r}", cure="--language auto")


def _shape(done: Sequence[RedactedFile], jobs: Sequence[Job], policy: str, processes: int) -> dict[str, Any]:
    """The stable shape of `redact --json`."""
    files = [
        {
            "file": str(one.source),
            "out": str(one.out),
            "columns": list(one.columns),
            "rows": one.rows,
            "rejected": one.rejected,
            "rejected_in": str(job.rejects) if one.rejected else None,
            "finds": {found.entity: found.finds for found in one.finds},
            "seconds": round(one.seconds, 3),
            "rows_per_s": round(one.rows / max(one.seconds, 1e-9), 1),
        }
        for one, job in zip(done, jobs, strict=True)
    ]
    return {"schema": "sluice/redact/1", "policy": policy, "processes": processes, "files": files}


def _print(done: Sequence[RedactedFile]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    entities = sorted({found.entity for one in done for found in one.finds})
    summary = Table("file", "rows", "rejected", "columns", "finds", "s", "rows/s")
    for one in done:
        finds = sum(found.finds for found in one.finds)
        cells = (one.source.name, f"{one.rows:,}", f"{one.rejected:,}", ", ".join(one.columns), f"{finds:,}")
        rate = one.rows / max(one.seconds, 1e-9)
        summary.add_row(*map(escape, cells), f"{one.seconds:.1f}", f"{rate:,.0f}")
    found = Table("entity", *(escape(one.source.name) for one in done))
    for entity in entities:
        counts = [next((f.finds for f in one.finds if f.entity == entity), 0) for one in done]
        found.add_row(entity, *(f"{count:,}" for count in counts))
    console = Console()
    console.print(summary)
    if entities:
        console.print(found)
