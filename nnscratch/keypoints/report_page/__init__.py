"""Pages of a training run and of predictions: one HTML file each, which needs nothing else.

run_facts.py        what a run's page is made of
run_page.py         the page of a run, section by section
predictions_page.py the page of predictions for faces without labels
scores.py           the score beside the mean face's; the error of each point, level by level
curves.py           learning curves
face_pictures.py    faces with their points
error_map.py        where the errors of each point lie, on the mean face
networks.py         the network's layers, its first filters, the networks of later levels
settings.py         the command, the versions, every option
"""
