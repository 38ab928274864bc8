"""The third set: faults rebuilt from public reports, and healthy networks that look ill.

    tables.py                     columns, targets and labels of tables
    depth.py                      first weights, depth, steps and decay
    classes.py                    which of several classes is it
    pictures.py                   convolutions on small pictures
    windows_and_codes.py          windows of a time series, autoencoders
    own_code.py, own_loops.py     losses, layers and loops of the owner's
    healthy_tables.py, healthy_others.py, healthy_steps.py    nothing wrong with these

A report says what its owner saw, and in brackets where the like was told in public. What was the
cause there is not always known; here it is.
"""
