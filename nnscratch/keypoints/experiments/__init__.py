"""The experiments of the 2015 report and what followed from them: settings, runs, measurements, reports."""
