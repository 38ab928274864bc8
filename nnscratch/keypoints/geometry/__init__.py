"""Where things are in a picture.

affine_maps.py   AffineMaps: one map of points per picture; the map that aligns two faces
crops.py         the crop of a picture that a map describes
local_contrast.py  each pixel as it stands out from its surroundings
pictures.py      the check of pictures before a kernel gets them
mirror.py        the points of a mirrored face
label_offset.py  how far to the right of what they name the labels of a data set lie
conventions.py   LabelConventions: labels of several sources moved into the convention of one
augmentation.py  Augmentation: training faces and their labels, changed anew in every epoch
"""
