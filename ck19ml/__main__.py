"""Run the command line as ``python -m ck19ml``: what MLproject calls."""

from ck19ml.cli import main

main()
