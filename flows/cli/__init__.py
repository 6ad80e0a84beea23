"""The `sluice` command: one file per group of commands; heavy imports stand inside the commands."""
