"""Every migration, in its order. A new one is a new file and a new last entry; nothing that is here ever changes."""

from __future__ import annotations

from infra.migrations.m0001_keys_of_the_home import MIGRATION as _KEYS_OF_THE_HOME
from infra.migrations.m0002_restoring_callers import MIGRATION as _RESTORING_CALLERS
from infra.migrations.m0003_ledger_tree import MIGRATION as _LEDGER_TREE
from infra.migrations.m0004_roles_of_callers import MIGRATION as _ROLES_OF_CALLERS
from infra.migrations.migration import Migration

MIGRATIONS: tuple[Migration, ...] = (_KEYS_OF_THE_HOME, _RESTORING_CALLERS, _LEDGER_TREE, _ROLES_OF_CALLERS)
