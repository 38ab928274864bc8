"""Finds the points in new pictures with the model of a training script.

All coordinates:      python examples/predict.py --model runs/cnn
                          --data test.zip --out points.csv
For another program:  the same with --json - in place of --out
Kaggle's submission:  the same with --lookup IdLookupTable.csv
A page to look at:    the same with --html points.html
"""

from pathlib import Path

from nnscratch.keypoints.kaggle.archives import ALL, LOOKUP, TEST
from nnscratch.keypoints.kaggle.files import table_file
from nnscratch.keypoints.kaggle.submission import (
    asked_points,
    check_images,
    coordinates,
    read_lookup,
    write_coordinates,
    write_submission,
)
from nnscratch.keypoints.kaggle.training_file import load_faces
from nnscratch.keypoints.predictors import load_predictor
from nnscratch.keypoints.scripts import command_line
from nnscratch.keypoints.scripts.outputs import check_outputs
from nnscratch.keypoints.scripts.predictions_report import write_predictions_page
from nnscratch.keypoints.scripts.run_files import results_in


def main() -> None:
    parser = command_line.Parser(__doc__)
    parser.add_argument("--model", metavar="DIR", required=True, help="the --out folder of a training script")
    parser.add_argument("--data", metavar="FILE", required=True, help=f"Kaggle's test.csv, .zip or .gz; or {ALL}")
    parser.add_argument("--lookup", metavar="FILE", help="Kaggle's IdLookupTable.csv; without it, all 30 coordinates")
    parser.add_argument("--out", metavar="FILE", type=Path, help="the CSV to write")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write a page with faces and their points, too")
    command_line.add_json(parser)
    command_line.add_quiet(parser)
    arguments = parser.parse_args()

    model = Path(arguments.model)
    if arguments.out is None and (arguments.json is None or arguments.lookup or arguments.html):
        parser.error("argument --out: got none, expected the CSV to write; --json alone may stand in its place")
    data = table_file(arguments.data, TEST)
    lookup_file = table_file(arguments.lookup, LOOKUP) if arguments.lookup else None
    inputs = [data, *filter(None, [lookup_file]), *(model / name for name in results_in(model))]
    check_outputs({"--out": arguments.out, "--html": arguments.html, "--json": arguments.json}, inputs)
    predictor = load_predictor(arguments.model)
    lookup = read_lookup(lookup_file) if lookup_file else None
    faces = load_faces(data, wanted=TEST)
    if lookup is not None:
        check_images(lookup, faces.image_ids)
    # The long work comes last, when nothing else can be wrong.
    # Which points of a face are asked for tells whose labels its answers are compared with.
    asked = asked_points(lookup, faces.image_ids) if lookup is not None else None
    points = predictor.predict_points(faces.images, asked)  # (N, 15, 2) px from (N, 96, 96) uint8
    with command_line.muted(arguments):
        if lookup is not None:
            values = write_submission(arguments.out, lookup, points, faces.image_ids)
            command_line.tell(f"{values:,} values for {len(faces):,} faces written to {arguments.out}")
        elif arguments.out is not None:
            write_coordinates(arguments.out, points, faces.image_ids)
            command_line.tell(f"{len(faces):,} faces, 30 coordinates each, written to {arguments.out}")
        if arguments.html is not None:
            names = model.resolve().name, data.name, arguments.out.name
            write_predictions_page(arguments.html, model, predictor, faces, points, names)
            command_line.tell(f"page for a browser written to {arguments.html}")
    if arguments.json is not None:
        command_line.write_json(arguments.json, {"faces": coordinates(points, faces.image_ids)})


if __name__ == "__main__":
    command_line.run(main)
