"""Starts BentoML's command line, as `python -m bentoml` does, but without asking a resolver for this host's own name.

BentoML's process supervisor (circus) looks its host's full name up once, for a label that nothing here reads. On a
machine whose name is not in /etc/hosts that is a question to a name server, which no setting names.
"""

from __future__ import annotations

import socket

from infra.private import stay_private


def own_name(name: str = "") -> str:
    """What `socket.getfqdn` gives without looking anything up."""
    return name or socket.gethostname()


def main() -> None:
    """Runs BentoML with this process's arguments."""
    stay_private()
    socket.getfqdn = own_name
    from bentoml_cli.cli import cli

    cli()


if __name__ == "__main__":
    main()
