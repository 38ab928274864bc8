"""The fourth set: tables, windows and pictures of many trades, one fault each, and healthy ones.

Written from what people build, without a look at the doctor. `tables.py` and `signals.py` hold the
data, `networks.py` the builders; the other modules hold the patients and the healthy trainings.
"""
