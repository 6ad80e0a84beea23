"""The help of the whole command line: its commands under the headings that `rich_help_panel` names.

Written with click's own formatter. Typer's panels import Markdown, tracebacks and a syntax highlighter, which costs
more time than everything else that `sluice --help` does.
"""

from __future__ import annotations

import click
from typer.core import TyperGroup


class Sections(TyperGroup):
    """A group whose help lists its commands by heading, in the order in which they were added."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes usage, text, options and sections."""
        click.Group.format_help(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes one section for each heading, the names of all in one column."""
        sections: dict[str, list[tuple[str, click.Command]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                heading = getattr(command, "rich_help_panel", None)
                sections.setdefault(heading if isinstance(heading, str) else "Commands", []).append((name, command))
        longest = max((len(name) for rows in sections.values() for name, _ in rows), default=0)
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(longest), _summary(command)) for name, command in rows])


def _summary(command: click.Command) -> str:
    """The first paragraph of its help, whole: click's own short form ends at the first full stop."""
    return " ".join((command.help or "").split("\n\n")[0].split())
