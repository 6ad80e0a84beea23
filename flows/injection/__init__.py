"""The training of the head that tells attacks on instructions from harmless texts."""
