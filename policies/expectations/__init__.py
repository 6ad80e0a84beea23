"""Is this data fit to train on? What a row is before and after that question, the suites people write, the check.

Great Expectations does the checking; only this room makes a CleanRow.
"""
