"""Where things are kept: blobs, data sets, releases, the registry, callers' keys, feedback."""
