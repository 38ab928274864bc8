"""Pages to look at, and what objects show of themselves in a notebook, as HTML.

markup.py     elements with everything escaped that is not HTML already
tables.py     a table, and bars inside it
figures.py    a figure as SVG that follows the theme, an array as a picture
page.py       a whole page: one file, without a script and without the network
notebook.py   a small view for a notebook, whose style stays its own
curves.py     the columns of a training as curves
shared.css    the colours of all pages, light and dark, also of the page of a step (tracing/)
page.css      how a page looks
notebook.css  how a view in a notebook looks
"""
