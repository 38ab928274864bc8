"""From the report's failing CNN to one that learns.

settings.py   the changes, alone and together
report.py     the table, the picture, and the race with the MLP
"""
