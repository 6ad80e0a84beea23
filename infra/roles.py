"""What a key of the endpoint is for."""

from __future__ import annotations

from typing import Literal

Role = Literal["caller", "auditor", "operator", "tenant-auditor"]
"""A caller asks the model. The others read the audit ledger: an auditor all of it, also what is sealed; an operator all
but what is sealed; a tenant's auditor what is of that tenant."""
