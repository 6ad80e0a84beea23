"""The audit ledger: append-only events, the keys per data subject, queries and verification."""
