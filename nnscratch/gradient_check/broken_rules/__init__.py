"""Broken rules: usual mistakes in a backward pass, and what each looks like.

    dense.py, images.py, masks.py  the mistakes: layers, each wrong line beside the right one
    rule.py       what a broken rule is
    rules.py      all of them, by name
    spots.py      the small problem that they are trained on
    trainings.py  two trainings from the same seeds; whether the loss alone would have shown it
    page.py       what `gradcheck --break RULE` prints
    curves.py     loss curves side by side
    overview.py   the table of all rules

Nothing here is exported: these layers are wrong.
"""
