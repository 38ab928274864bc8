"""The third set: faults rebuilt from public reports, and healthy networks that look ill.

    tables.py, more_tables.py     columns, targets and labels of tables
    depth.py                      first weights, depth, steps and decay
    classes.py                    which of several classes is it
    pictures.py                   convolutions on small pictures
    windows_and_codes.py          windows of a time series, autoencoders
    own_code.py                   losses, layers and loops of the owner's
    healthy_tables.py, healthy_others.py, healthy_steps.py    nothing wrong with these

A report says what its owner saw, and in brackets where such a case was told in public.
"""
