"""Tests of the null."""
