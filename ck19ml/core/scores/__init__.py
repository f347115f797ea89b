"""Scores, their intervals and the baselines to beat."""
