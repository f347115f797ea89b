"""Keras networks: their layers, training, cards and scores."""
