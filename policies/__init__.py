"""What is allowed: guardrails, data expectations, gates, access.

Judgements only: nothing here reads a disk, a clock or a network.
"""
