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
# Rounding in float32: a spread below that share of the input's is none.
NOISE = 1e-6
# The same bias in all units, to a quarter of it, is no work of a training, which moves each unit its own way.
COMMON = 0.25
# At the start at most a third of the units of a healthy layer are silent. Adam at 0.001 silences up to 0.92 of a wide
# one that still learns; those that reached 0.95 ended at 1. Nine tenths will do if the training has come to a halt.
DEAD, DEAD_AND_STUCK = 0.95, 0.9
# |dL/dz| of the first over that of the last layer: healthy networks lie between 0.05 and 3.
VANISHED_GRADIENT, EXPLODED_GRADIENT = 1e-3, 30.0
# Decay pulls harder than the data: in equilibrium both are equal, so more than twice, to leave room for noise.
DECAY = 2.0
# What decay takes off the last weights over what the data add to them once the answer is the mean. In long trainings
# of MLPs and of the report's CNN on faces, a ratio of 1 left them learning, and one of 7 took all weights to 0.
DECAY_FROM_MEAN = 5.0
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
# Share of the targets' variance between batches of 32 neighbours: 0 (+- 0.1) in a random order, 1 when sorted, 0.64 if
# merely the lower half comes before the upper half.
ONE_SIDED, BATCH, ORDERED_ROWS, MOST_COLUMNS = 0.4, 32, 40, 64
# Validation loss a fifth above its best, and twice the training loss: noise of a few percent cannot do that.
WORSE, GAP = 1.2, 2.0
# Validation loss over training loss: 2 to 4 is usual after 60 epochs on some hundred faces; from ten on the rows are
# known by heart, whether or not the first one rises, and from six on if half of what differs between new rows or more
# is still unexplained.
BY_HEART, NEARLY_BY_HEART, UNEXPLAINED = 10.0, 6.0, 0.5
# More than half of its own rows' variance explained, and of new rows' nothing at all.
KNOWN = 0.5
# A linear rule from pixels to points explains 0.2 to 0.5 of real and drawn faces' variance on rows left out; of points
# that belong to other pictures, nothing. It takes some rows to tell, and more than a few hundred tell no more.
NOTHING, CONTENT_ROWS = 0.02, (40, 128)
# At the pace of its last epochs, a training worse than the mean needs so many more to become as good as the mean.
SLOW_EPOCHS, FAR_FROM_MEAN = 300.0, 1.5
# Three times its lowest loss, and worse than the mean: noise does not do that, steps that are too long do.
RISEN = 3.0
