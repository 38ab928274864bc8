"""The second set: HEALTHY and PATIENTS of every file here."""
