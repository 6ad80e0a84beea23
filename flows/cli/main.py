"""`sluice`: puts the groups of commands together and turns every expected failure into one sentence and an exit code.

Only typer is imported here: `sluice --help` answers in 0.3 s.
"""

from __future__ import annotations

import signal
import sys

import click
import typer

from flows.cli import (
    audit,
    audit_archive,
    audit_erase,
    audit_expire,
    audit_hold,
    audit_proofs,
    audit_report,
    audit_sql,
    audit_tail,
    audit_witness,
    backup,
    demo,
    explain,
    gc,
    guard,
    keys,
    policy,
    redact,
    release,
    retrain,
    review,
    schedule,
    servers,
    show,
)
from flows.cli.ending import Stopped, Watch, say_interrupted
from flows.cli.sections import Sections

app = typer.Typer(
    name="sluice",
    cls=Sections,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Retrain your own model, let only what passes through, serve it guarded, and keep a record to check.",
)

app.command("demo", rich_help_panel="Start here")(demo.demo)
app.command("up", rich_help_panel="Servers")(servers.up)
app.command("down", rich_help_panel="Servers")(servers.down)
app.command("status", rich_help_panel="Servers")(servers.status)
app.command("logs", rich_help_panel="Servers")(servers.logs)
app.command("doctor", rich_help_panel="Servers")(servers.doctor)
app.command("plan", rich_help_panel="Pipelines")(retrain.plan)
app.command("retrain", rich_help_panel="Pipelines")(retrain.retrain)
app.add_typer(schedule.app, name="schedule", rich_help_panel="Pipelines")
app.command("backfill", rich_help_panel="Pipelines")(schedule.backfill)
app.add_typer(review.review_app, name="review", rich_help_panel="Pipelines")
app.add_typer(review.reviewer_app, name="reviewer", rich_help_panel="Pipelines")
app.add_typer(release.app, name="release", rich_help_panel="Pipelines")
app.add_typer(keys.app, name="keys", rich_help_panel="Access and record")
app.add_typer(policy.app, name="policy", rich_help_panel="Access and record")
app.add_typer(guard.app, name="guard", rich_help_panel="Access and record")
app.command("redact", rich_help_panel="Access and record")(redact.redact)
audit.app.command("archive")(audit_archive.archive)
audit.app.command("erase")(audit_erase.erase)
audit.app.command("expire")(audit_expire.expire)
audit.app.add_typer(audit_hold.app, name="hold")
audit.app.command("prove")(audit_proofs.prove)
audit.app.command("export")(audit_proofs.export)
audit.app.command("key")(audit_proofs.key)
audit.app.command("report")(audit_report.report)
audit.app.command("sql")(audit_sql.sql)
audit.app.command("tail")(audit_tail.tail)
audit.app.command("witness")(audit_witness.witness)
app.add_typer(audit.app, name="audit", rich_help_panel="Access and record")
app.command("explain", rich_help_panel="Access and record")(explain.explain)
app.command("backup", rich_help_panel="Housekeeping")(backup.backup)
app.command("restore", rich_help_panel="Housekeeping")(backup.restore)
app.command("gc", rich_help_panel="Housekeeping")(gc.gc)
app.command("config", rich_help_panel="Reference")(show.config)
app.command("schema", rich_help_panel="Reference")(show.schema)


def main() -> None:
    """Runs the command line.

    Exit codes: 0 done, 1 a gate or check said no, 2 bad input, 3 a part failed, 129, 130 or 143 interrupted.
    """
    from infra.private import stay_private
    from infra.quiet import hush
    from infra.textless import hide_texts

    hush()
    stay_private()
    hide_texts()
    watch = Watch()
    watch.begin()
    try:
        # Not standalone: typer would turn an interruption into a bare exit code before anything is said.
        status = app(standalone_mode=False)
    except BaseException as error:
        # Whatever a library made of a signal on its way up, it was the signal that ended the command.
        if not watch.got and not isinstance(error, KeyboardInterrupt):
            sys.exit(_told(error))
    else:
        if not watch.got:
            sys.exit(status if isinstance(status, int) else 0)
    say_interrupted(sys.argv[1:])
    sys.exit(Stopped(watch.got[0] if watch.got else signal.SIGINT).exit_code)


def _told(error: BaseException) -> int:
    """Says in one sentence what ended the command. Returns its exit code."""
    from flows.failures import command_failed
    from infra.errors import SluiceError
    from infra.faults import named_fault

    if isinstance(error, click.ClickException):
        _show_usage(error)
        return error.exit_code
    if isinstance(error, click.Abort):
        return 1
    if not isinstance(error, Exception):
        raise error
    failed = error if isinstance(error, SluiceError) else named_fault(error) or command_failed(error)
    typer.echo(f"sluice: {failed}", err=True)
    return failed.exit_code


def _show_usage(error: click.ClickException) -> None:
    from typer.rich_utils import rich_format_error

    rich_format_error(error)
