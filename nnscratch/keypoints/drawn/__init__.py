"""Faces drawn from nothing, with exact labels: the data when there is no file.

faces.py     draw_faces: any number of different faces as Faces; read this first
head.py      one face as numbers, and its points on a head in three dimensions
painting.py  one picture: skin, features, hair and light, painted between these points
scene.py     what is behind and in front of the face, and the camera
shapes.py    the soft-edged shapes that a picture is painted with; it knows nothing of faces
"""
