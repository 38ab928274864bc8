"""From where on a number is a finding, and where that border comes from."""

from __future__ import annotations

# Glorot's and He's variances assume inputs of about 1; ten times more or a hundred times less is no rounding matter.
LARGE, SMALL = 10.0, 0.01
# Pixels in 0..1 have a mean of two or three times their spread; from ten on, the mean drowns what differs.
OFF_CENTRE = 10.0
# Face targets in -1..1 spread 0.08. Below a fortieth of that, the squares of MSE hardly give a gradient.
SMALL_TARGETS = 0.002
# Independent weights never agree; half of a layer in pairs means that it was not drawn at random.
TWINS = 0.5
# Glorot weights keep 3 % of the spread through six layers of the report's CNN; weights of 0.01 keep 1e-7.
VANISHED = 1e-3
# Glorot weights lose a factor of 1.2 to 3 a layer, and N(0, 0.01^2) in the report's networks 10 to 30.
FADES_PER_LAYER = 8.0
# He and Glorot are made to keep the size of the signal: a hundred times the input's is no accident of drawing.
EXPLODED = 100.0
# A bias ten times the spread decides alone whether its unit is on: ReLU then is a line, or nothing.
SATURATED, LARGE_BIAS = 10.0, 0.3
# At the start at most a third of the units of a healthy layer are silent, after a hard training four fifths.
DEAD = 0.9
# |dL/dz| of the first over that of the last layer: healthy networks lie between 0.05 and 3.
VANISHED_GRADIENT, EXPLODED_GRADIENT = 1e-4, 100.0
# Decay pulls harder than the data: in equilibrium both are equal, so more than twice, to leave room for noise.
DECAY = 2.0
# In `steps * lr * decay` = 0.5, decay alone takes 40 % of the weights away: less cannot be what keeps them down.
DECAY_TIME, SHRUNK = 0.5, 0.4
# Share of its way that one step can go. Below 1/50,000 no usual training (some thousand steps) gets anywhere.
STEP = 2e-5
# Adam moves each weight by lr: more than half of a typical weight forgets what was there.
ADAM_STEP = 0.5
# Momentum overshoots by a factor of ten and comes back; a hundred times worse than at the start is a divergence.
DIVERGED = 100.0
# Report: 0.03 px of a targets' spread of 4 px is "the same output for every image"; its MLP has a tenth and more.
CONSTANT = 0.05
# Share of the targets' variance explained: below a twentieth it is the mean, from a fifth on something was learnt.
NO_BETTER, LEARNT = 0.05, 0.2
# Fewer epochs say nothing about where a training goes.
EPOCHS = 5
# A plateau: the second half of the training took less than a tenth off the loss; without a history, many steps.
PROGRESS, MANY_STEPS, MANY_EPOCHS = 0.9, 1000, 100
# Half of the squared difference of neighbouring rows over the variance: 1 in a random order (+- 0.1), 0 when sorted.
ORDERED, ORDERED_ROWS = 0.25, 32
# Validation loss a fifth above its best, and twice the training loss: noise of a few percent cannot do that.
WORSE, GAP = 1.2, 2.0
# Validation loss over training loss: from ten on the rows are known by heart, whether or not the first one rises.
BY_HEART = 10.0
