"""Findings to phase to verdict."""
