"""Thresholds that more than one file needs; every other one stands above the check that uses it."""

from __future__ import annotations

# Root mean square of the input. Glorot's and He's weights are drawn for inputs of about 1.
SMALL_INPUT = 0.01

# Share of the input's spread that is left. Glorot's weights keep 3 % of it through six layers of
# the report's CNN, weights of 0.01 keep 1e-7.
VANISHED = 1e-3

# Size of a layer's outputs over that of the input. Glorot's and He's weights are made to keep it
# near 1: a hundred times is no accident of drawing.
EXPLODED = 100.0

# |dL/dz| of the first layer over that of the last one: 0.05 to 3 in healthy networks.
EXPLODED_GRADIENT = 30.0

# Epochs: a shorter history does not show where a training goes.
FEWEST_EPOCHS = 5
