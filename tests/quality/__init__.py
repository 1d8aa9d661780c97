"""The quality bench: how often the gate is right, on real text and on data whose truth is known."""
