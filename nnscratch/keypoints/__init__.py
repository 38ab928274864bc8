r"""Finding 15 points in pictures of faces: a task built on nnscratch, which knows nothing of it.

How the data flow

    kaggle/ (a CSV file)  \
                           faces.Faces -> splits -> geometry/ (augmentation) -> nnscratch.Trainer
    drawn/ (no file)      /                     \-> cascade/ (level 1 -> crops -> level 2 -> blend)

    a trained network -> scripts/ (a run folder) -> predictors -> metrics, plots, a submission

Files, in reading order
    faces.py        Faces: pictures and their 15 points, as read and as a network gets them
    metrics.py      the error in pixels, always beside the mean face's
    splits.py       training faces and validation faces
    lookalikes.py   near-identical faces, which belong on one side of a split
    start.py        the last layer: set to the mean face before a training, corrected after it
    mirror_pass.py  a network's answer, averaged with its answer for the mirror image
    networks.py     published networks: the 2015 report's and Nouri's
    recipe.py       Recipe: how a network is trained, as data
    loaded_networks.py  a network from a file, checked to be one for faces
    predictors.py   a trained network or cascade, loaded from its run folder
    plots.py        learning curve, grid of faces, error per point
    runs.py         a run's folder, loaded: predictor, scores, histories
    commands.py     what the face task adds to `python -m nnscratch`

Folders
    kaggle/       Kaggle's files, read and written
    drawn/        faces drawn from nothing, with exact labels
    geometry/     where things are in a picture: alignment, mirror images, augmentation
    cascade/      level 1 finds points in the whole face, level 2 in crops around them
    onnx_graphs/  geometry and networks as parts of an ONNX graph, which any engine can run
    report_page/  the page of a run, and of predictions, for a browser
    scripts/      what the example scripts share: command line, run folder
    experiments/  the 2015 report, run again; uses all of the above, and nothing uses it
"""
