"""What a check costs beside named references: ``python -m tests.benchmarks.speed`` prints one table, each figure of one run."""
