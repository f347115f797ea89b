"""The dataset on disk: arrays, tables, hashes and their checks."""
