"""Profile to number, one family a file."""
