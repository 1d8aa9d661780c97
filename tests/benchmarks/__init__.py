"""What is decided or promised by measurement; each module is a command."""
