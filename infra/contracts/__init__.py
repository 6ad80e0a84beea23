"""The frozen hand-offs between stages, one file per noun.

Each is canonical JSON, named by the SHA-256 of its content.
"""
