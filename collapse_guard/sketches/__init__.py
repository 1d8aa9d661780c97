"""What a batch is reduced to; all of it merges."""
