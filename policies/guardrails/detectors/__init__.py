"""One detector per file, each a guardrails-ai `Validator`.

Importing one imports guardrails-ai: call `infra.quiet.hush()` before.
"""
