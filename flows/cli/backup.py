"""`sluice backup` and `sluice restore`: a whole home in one file, and back. `--json` gives these stable shapes:

backup    {"schema": "sluice/backup-made/1", "file": PATH, "files": INT, "bytes": INT, "keys_left_out": [NAME, ...]}
restore   {"schema": "sluice/restored/1", "home": PATH, "files": INT, "made": TIME, "keys_missing": [NAME, ...]}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.ending import say_next

AsJson = Annotated[bool, typer.Option("--json", help="a stable JSON shape on stdout")]


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="a new file, e.g. sluice-2026-01-31.tar")],
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="leave the private keys out; keep them in another place")
    ] = False,
    without_models: Annotated[
        bool, typer.Option("--without-models", help="leave the prepared base models out; a release needs the very same")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copies the whole home, while it runs, into one file of mode 0600."""
    from flows.cli.bars import Bars
    from infra.backup import back_up, backup_bytes
    from infra.settings import read_settings

    home = read_settings().home
    with Bars().task("backup", float(backup_bytes(home, without_models=without_models))) as bar:
        made = back_up(home, file, bar.advance, without_keys=without_keys, without_models=without_models)
    if as_json:
        shape = {"schema": "sluice/backup-made/1", "file": str(file), "files": made.files, "bytes": made.size_bytes}
        typer.echo(json.dumps({**shape, "keys_left_out": list(made.keys_left_out)}, indent=2))
    else:
        typer.echo(f"{file}: {made.files} files, {made.size_bytes / 1e6:.0f} MB")
    if without_keys:
        left = ", ".join(made.keys_left_out) or "none were there"
        typer.echo(f"Private keys left out: {left}. Keep copies of them apart from this file.", err=True)
        typer.echo("Without keys/master.key nothing sealed in it can ever be read.", err=True)
    else:
        typer.echo(
            "The private keys are inside: whoever has this file can sign releases and read what is sealed. Keep it "
            "encrypted (age, gpg) and off this machine, or use --without-keys and keep the keys apart.",
            err=True,
        )
    say_next(f"sluice restore {file} --home DIR", "to try it")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="what `sluice backup` wrote")],
    home: Annotated[
        Path | None, typer.Option("--home", metavar="DIR", help="an empty folder; else SLUICE_HOME")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Makes a home out of a backup, once every digest in it was verified. The home must be empty."""
    from flows.cli.bars import Bars
    from infra.errors import BadInput
    from infra.restore import restore as put_back
    from infra.settings import home_root

    if not file.is_file():
        raise BadInput("there is no such file", where=str(file), cure="give what `sluice backup` wrote")
    with Bars().task("restore", float(file.stat().st_size)) as bar:
        done = put_back(file, home or home_root(), bar.advance)
    missing = [name for name in done.manifest.keys_left_out if not (done.home.root / name).exists()]
    if as_json:
        made = done.manifest.model_dump(mode="json")["made"]
        shape = {"schema": "sluice/restored/1", "home": str(done.home.root), "files": len(done.manifest.files)}
        typer.echo(json.dumps({**shape, "made": made, "keys_missing": missing}, indent=2))
    else:
        typer.echo(f"{done.home.root}: {len(done.manifest.files)} files as of {done.manifest.made:%Y-%m-%d %H:%M} UTC")
    if missing:
        typer.echo(f"Put these private keys back first (mode 0600): {', '.join(missing)}", err=True)
    say_next(f"SLUICE_HOME={done.home.root} sluice audit verify, then sluice doctor")
