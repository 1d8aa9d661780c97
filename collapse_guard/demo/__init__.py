"""The main job, end to end, on text that is on every machine."""
