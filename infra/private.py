"""What a Sluice process makes is its owner's alone: files 0600, folders 0700, and no core dump.

Called at each door (the command line, the training worker, the gateway); servers inherit both from whoever starts them.
"""

from __future__ import annotations

import os
import resource

_UMASK = 0o077


def stay_private() -> None:
    """Sets the umask, and the largest core dump to nothing: a dump of the process would hold rows and prompts."""
    os.umask(_UMASK)
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
