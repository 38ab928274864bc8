"""What finds points in pictures of faces, as parts of an ONNX graph: geometry in float64.

pictures.py      pictures as a network takes them
mirror.py        points of mirror images
affine_maps.py   maps that align faces
crops.py         crops of pictures along such maps
local_contrast.py  their pixels, each as it stands out from its surroundings
networks.py      networks, and the mirror pass
graph_file.py    the whole graph: from "images" to "points", in a file

Each function adds operators and returns the name of their result. Numbers are those of the NumPy
code that a docstring names. A graph raises no errors: answers that are NaN or nowhere near a
picture, for which that code raises NotFiniteError, come out as they are.
"""
