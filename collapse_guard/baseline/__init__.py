"""The immutable gold: what it holds, and where it is kept."""
