"""What all stand on: contracts, settings, stores, ledger, engines, telemetry, processes.

Knows no flow, service or policy.
"""
