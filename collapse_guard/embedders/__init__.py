"""Column values to vectors."""
