"""Statistics of a compound screen."""
