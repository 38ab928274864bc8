"""Everything that writes and reads the program's own files: whole or not at all, and within limits.

atomic.py        a file that appears whole or not at all
file_set.py      files of a folder that arrive together
array_files.py   named arrays in one file, NumPy's `.npz`
json_files.py    JSON, each field with its type and range
zip_members.py   what is in a zip, before any of it is believed
stored_files.py  opening a file that may be anything, and how its damage is told

A table that people write, Kaggle's CSV, is read in keypoints/kaggle.
"""
