"""`sluice guard`: the guardrails over a file of texts, row by row: what each check said, and what would go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.ending import go_on, say_next
from flows.cli.train_injection import train_injection

app = typer.Typer(no_args_is_help=True, help="Run the guardrails over texts.")
app.command("train-injection")(train_injection)


@app.callback()
def guard() -> None:
    """Run the guardrails over texts."""


@app.command()
def scan(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="rows with `id`, `text` and, if known, `lang`")],
    policy: Annotated[
        str, typer.Option("--policy", metavar="P", help="a shipped policy's name, or a path")
    ] = "default",
    direction: Annotated[str, typer.Option("--direction", help="input or output")] = "input",
    json_lines: Annotated[bool, typer.Option("--json-lines", help="one JSON object per row on stdout")] = False,
) -> None:
    """Checks every row of a JSONL file.

    With --json-lines one line per row: id, verdict, rule, checks (name, score, verdict, milliseconds), spans (start,
    end, type, score; code points of the row's text) and the text that would go on. A row that cannot be read gets a
    line with its number and an error; the others are checked all the same, and the command ends with exit code 2.
    """
    from flows.cli.bars import Bars
    from flows.steps.scan import Problem, scan_rows
    from infra.errors import BadInput

    if direction not in ("input", "output"):
        raise BadInput(f"--direction is input or output, not {direction!r}", cure="--direction input")
    chosen: Literal["input", "output"] = "output" if direction == "output" else "input"
    try:
        lines = file.open("rb")
    except OSError as error:
        raise BadInput(f"cannot read the file: {error.strerror}", where=str(file), cure="give a JSONL file") from None
    problems = 0
    verdicts: dict[str, int] = {}
    with lines, Bars().task("check the rows") as bar:
        for row in scan_rows(lines, policy=policy, direction=chosen):
            if isinstance(row, Problem):
                problems += 1
                typer.echo(f"sluice: {file}: row {row.row}: {row.error}", err=True)
            else:
                verdicts[row.verdict] = verdicts.get(row.verdict, 0) + 1
            if json_lines:
                typer.echo(row.to_json())
            bar.advance(note=f"{sum(verdicts.values()) + problems:,} rows")
    counts = ", ".join(f"{verdicts[name]} {name}" for name in ("allow", "flag", "redact", "block") if name in verdicts)
    typer.echo(f"{sum(verdicts.values())} rows checked: {counts or 'none'}; {problems} unreadable", err=True)
    other = "output" if direction == "input" else "input"
    say_next(go_on(["guard", "scan", str(file), "--policy", policy, "--direction", other]))
    if problems:
        raise typer.Exit(2)
