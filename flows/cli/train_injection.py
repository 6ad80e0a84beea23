"""`sluice guard train-injection`: trains the head that finds prompt injection, and writes it with its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_injection(
    data: Annotated[Path, typer.Option("--data", metavar="PATH", help="JSONL with text, lang, label, group, split")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="where head.safetensors, head.json, CARD.md go")],
    seed: Annotated[int, typer.Option("--seed", help="of the made-up texts and of the fit")] = 7,
    made: Annotated[int, typer.Option("--made", help="how many made-up texts are tried")] = 3600,
) -> None:
    """Trains on the rows of `split: train` and on made-up texts, measures on held-out families, writes head and card.

    Needs the `train` extra. Takes a few minutes on an idle core; the same data and seed give the same head.
    """
    from flows.cli.bars import Bars
    from flows.injection.train import Plan, train
    from infra.errors import BadInput

    if not data.is_file():
        raise BadInput("there is no such file", where=str(data), cure="--data ../shared/data/injection/injection.jsonl")
    with Bars().task("train the injection head") as bar:

        def told(stage: str, share: float) -> None:
            bar.advance(0, note=f"{stage} {share:.0%}" if share else stage)

        figures = train(Plan(data, out, seed, made), told)
    for line in figures.lines:
        typer.echo(f"{line.name}: AUROC {line.area:.3f}, found at 1 % {line.at_one:.2f}, at 5 % {line.at_five:.2f}")
    typer.echo(f"wrote {out}/head.safetensors, head.json and CARD.md", err=True)
