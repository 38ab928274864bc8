"""A cascade: from a first guess to points, level by level.

regions.py       Region: the part of a face that one network sees, and its crops
blending.py      Blend, Sighting: what a level's networks found, corrected by what was known
level.py         Level: one level after the first: crops -> networks -> blend, in passes
cascade.py       Cascade: level 1 -> level 2 -> ... -> answers; saving, loading
onnx_levels.py   levels and blends as parts of an ONNX graph
answers.py       CascadeAnswers: the answers of each level for labelled faces, and their errors
region_crops.py  RegionCrops: training crops, displaced as the level before would displace them
plan.py          how many networks a level gets, by what an epoch costs
fit_blends.py    fit_blends: the blends of a level, once its networks are trained
training.py      train_level: all of it for one more level

What is trained when: level 1 on whole pictures; then the networks of level 2, side by side, on
crops; then its blends.
"""
