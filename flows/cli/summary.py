"""The summary at the end of a run: rows, training, scores side by side, verdict, and the next sensible command."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from flows.cli.retrain import state_of
from flows.cli.scores import gate_table, scores_table
from flows.lifecycle import Lifecycle
from flows.pipeline import Pipeline
from infra.digest import short

_COLOURS = {"GO": "green", "NO_GO": "red", "INCONCLUSIVE": "yellow"}


def print_summary(pipeline: Pipeline, done: Lifecycle) -> None:
    """Prints the run for a person: tables on stdout, the next command last."""
    console = Console()
    console.print(stages_line(done))
    console.print(data_table(done))
    console.print(training_line(done))
    console.print(scores_table(done.report))
    console.print(gate_table(done.decision))
    console.print(verdict_line(pipeline, done))
    console.print(f"[dim]next:[/dim] {next_command(pipeline, done)}", highlight=False)


def stages_line(done: Lifecycle) -> str:
    """Which stages did their work now, and which handed on what an earlier run made."""
    told = (
        f"{stage.name} {stage.seconds:.0f} s" if stage.origin == "ran" else f"{stage.name} (from {stage.made_by})"
        for stage in done.stages
    )
    head = f"Run {done.run_id}: nothing is new, no stage had work to do" if done.nothing_new else f"Run {done.run_id}"
    return f"{head}\nStages: {', '.join(told)}"


def data_table(done: Lifecycle) -> Table:
    """What came in and what became of it."""
    snapshot = done.snapshot
    table = Table(title=f"Data: snapshot {short(snapshot.digest)}", title_justify="left")
    table.add_column("rows")
    table.add_column("count", justify="right")
    table.add_row("in", f"{snapshot.rows_in:,}")
    for count in snapshot.quarantined:
        table.add_row(f"quarantined: {count.reason}", f"{count.rows:,}")
    table.add_row("exact duplicates", f"{snapshot.duplicates_exact:,}")
    table.add_row("near duplicates", f"{snapshot.duplicates_near:,}")
    table.add_row(f"left out of training: {snapshot.leakage_measure}", f"{snapshot.leaked:,}")
    for split in snapshot.splits:
        table.add_row(f"kept for {split.name}", f"{split.rows:,}")
    spans = sum(count.spans for count in snapshot.redacted)
    kinds = ", ".join(
        f"{count.entity} {count.spans}" for count in sorted(snapshot.redacted, key=lambda c: -c.spans)[:6]
    )
    table.add_row(f"personal data redacted ({kinds or 'none'})", f"{spans:,}")
    return table


def training_line(done: Lifecycle) -> str:
    """Speed and loss in one line."""
    figures = done.adapter.figures
    return (
        f"Training: {figures.steps} steps, {figures.tokens:,} tokens in {float(figures.seconds):.0f} s "
        f"({float(figures.tokens_per_s):.0f} tokens/s), loss {float(figures.first_loss):.3f} -> "
        f"{float(figures.last_loss):.3f}, adapter {short(done.adapter.digest)}"
    )


def verdict_line(pipeline: Pipeline, done: Lifecycle) -> str:
    """Verdict, version and what state the run ended in."""
    colour = _COLOURS[done.decision.verdict.value]
    line = f"Verdict: [bold {colour}]{done.decision.verdict.value}[/bold {colour}]"
    if done.version:
        line += f", {pipeline.name} version {done.version.version}, manifest {short(done.version.digest)}"
    if done.release:
        line += f", released as champion (release {done.release.sequence})"
    return f"{line}, state: {state_of(done)}"


def next_command(pipeline: Pipeline, done: Lifecycle) -> str:
    """What a person would do now."""
    if done.release:
        return f"sluice release history {pipeline.name}"
    if done.version:
        return f"sluice review show {pipeline.name} {done.version.version}"
    return f"read the reasons above, then: sluice retrain {pipeline.name}"
