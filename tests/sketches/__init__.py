"""Tests of the sketches."""
