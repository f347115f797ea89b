"""From a plate folder to a dataset."""
