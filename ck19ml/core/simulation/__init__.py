"""Simulated fields with known truth."""
