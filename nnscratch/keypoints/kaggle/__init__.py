"""Files of Kaggle's "Facial Keypoints Detection", read and written.

training_file.py  load_faces, save_faces: training.csv or test.csv as Faces, and back; read it first
submission.py     IdLookupTable.csv; predictions as a submission or as a table
pixels.py         one picture from its 9,216 numbers as text, and back
tables.py         any CSV, row by row; a mistake is reported with its file, line and column
archives.py       which table is read of several in a zip or a folder: Kaggle's "Download all"
files.py          opening a CSV that may be zipped or gzipped; DataError, which all readers raise
cache.py          parsed arrays kept in the user's cache folder, for a faster second reading
"""
