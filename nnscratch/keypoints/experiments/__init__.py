"""The 2015 report, rebuilt: its experiments as data, run, measured and reported.

Nothing else in nnscratch uses this package. "The report" is He & Yang, "Facial Keypoints Detection
Using Convolutional Neural Network" (2015).

settings.py        the experiments: what is trained, how, and what the report got
networks.py        the networks that only the report has
kinds.py           how each kind of experiment is run and scored
training.py        epochs as the report's
crops.py, heatmap.py, baselines.py   its crops, its maps, its predictors without a network
measures.py        errors, spread, active units
probe.py           what is inside a network between two epochs
results.py         the types of a result, and its file
running.py         run, keep, find again
report_text.py, report_figures.py    the report on the report
ablation/          which change makes its CNN learn
"""
