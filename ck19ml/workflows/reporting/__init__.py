"""One page about a run: its settings, its scores and their caveats."""
