"""The first set: HEALTHY and PATIENTS of every file here."""
