"""Keras networks: their layers, training, cards and scores."""

from ck19ml.files.quiet import quiet

quiet()  # before a module of this folder imports Keras, wherever it is used
