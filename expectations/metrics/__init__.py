"""What the expectations are computed from."""
