"""Baselines of every format version, as they were frozen then."""
