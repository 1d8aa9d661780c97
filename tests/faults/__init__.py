"""Faults of machines, made on purpose; ``python -m tests.faults.run`` writes the table ``faults.md``."""
