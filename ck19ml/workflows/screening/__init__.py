"""The parts of `screen`: scores, tables, truth, figures, text, and the run that has them."""
