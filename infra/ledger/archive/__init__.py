"""The archive: closed segments of the log as Parquet, with the tree's hashes beside them, in any fsspec place."""
