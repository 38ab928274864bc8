"""The kinds of files that the program reads: a good one of each, and how it is read and judged.

A new kind is one line in `make_kinds`.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

import nnscratch as nn
from nnscratch.__main__ import main as nnscratch_main
from nnscratch.keypoints.cascade.blending import Blend
from nnscratch.keypoints.cascade.cascade import Cascade
from nnscratch.keypoints.cascade.level import Level
from nnscratch.keypoints.cascade.regions import Region
from nnscratch.keypoints.drawn.faces import draw_faces
from nnscratch.keypoints.experiments import results
from nnscratch.keypoints.faces import POINTS, Faces
from nnscratch.keypoints.geometry.conventions import LabelConventions
from nnscratch.keypoints.kaggle.submission import read_lookup
from nnscratch.keypoints.kaggle.training_file import load_faces, save_faces
from nnscratch.keypoints.predictors import SingleNetwork, load_predictor
from nnscratch.keypoints.scripts import studied
from tests.stress.damage import as_arrays, as_bytes, as_json, as_packed_text, as_text

Mutate = Callable[[Random, bytes], bytes]
FACES = draw_faces(2, seed=1)
_MADE_FROM: dict[str, object] = {"epochs": 3, "seed": 0}


class Kind:
    """One kind of file.

    make : writes a good folder;  file : the one in it that is damaged
    read : reads the folder by a public door; AssertionError for what is accepted but out of range
    """

    def __init__(
        self, name: str, make: Callable[[Path], None], file: str, read: Callable[[Path], None], mutate: Mutate
    ) -> None:
        self.name, self.make, self.file, self.read, self.mutate = name, make, file, read, mutate

    def prepare(self, folder: Path) -> None:
        """Writes the good folder, below `folder`."""
        self.folder = folder / self.name.replace(" ", "_")
        self.folder.mkdir()
        self.make(self.folder)
        self.path = self.folder / self.file
        if "*" in self.file:
            (self.path,) = self.folder.glob(self.file)
        self.content = self.path.read_bytes()

    def restore(self) -> None:
        """Leaves no mutant for the next reading."""
        self.path.write_bytes(self.content)


def make_kinds(folder: Path, names: list[str]) -> list[Kind]:
    """All kinds, or those of these names, each with its good folder below `folder`."""
    nn.set_threads(1)
    healthy = nn.diagnose(_mlp(), FACES.x, FACES.y)
    nn.diagnose = lambda *arguments, **options: healthy  # type: ignore[assignment]
    studied.draw_faces = lambda count, seed: FACES  # type: ignore[attr-defined]
    kinds = [
        Kind("csv", _faces("a.csv"), "a.csv", _read_faces("a.csv"), _either(as_text, as_bytes)),
        Kind("csv zip", _faces("a.zip"), "a.zip", _read_faces("a.zip"), as_packed_text),
        Kind("csv gz", _faces("a.gz"), "a.gz", _read_faces("a.gz"), as_packed_text),
        Kind("lookup", _lookup, "lookup.csv", _read_lookup, _either(as_text, as_bytes)),
        Kind("model mlp", _single(_mlp), "model.npz", _read_model, as_arrays),
        Kind("model cnn", _single(_cnn), "model.npz", _read_model, as_arrays),
        Kind("network.json", _single(_mlp), "network.json", _predict, as_json),
        Kind("cascade.json", _cascade, "cascade.json", _predict_asked, as_json),
        Kind("cascade.npz", _cascade, "cascade.npz", _predict_asked, as_arrays),
        Kind("level_2", _cascade, "level_2_nose.npz", _predict, as_arrays),
        Kind("history.csv", _run, "history.csv", _read_history, _either(as_text, as_bytes)),
        Kind("metrics.json", _run, "metrics.json", _diagnose, as_json),
        Kind("history of run", _run, "history.csv", _diagnose, _either(as_text, as_bytes)),
        Kind("cache entry", _cached, "cache/*.npz", _read_cached, as_arrays),
        Kind("result", _result, "result.json", _read_result, as_json),
        Kind("onnx", _onnx, "model.onnx", _read_onnx, as_bytes),
        Kind("checkpoint", _train, "a.npz", _train, as_arrays),
    ]
    chosen = [kind for kind in kinds if not names or kind.name in names]
    for kind in chosen:
        kind.prepare(folder)
    return chosen


def _either(*mutations: Mutate) -> Mutate:
    return lambda rng, content: rng.choice(mutations)(rng, content)


def _faces(name: str) -> Callable[[Path], None]:
    return lambda folder: save_faces(FACES, folder / name)


def _read_faces(name: str) -> Callable[[Path], None]:
    return lambda folder: _check_faces(load_faces(folder / name, cache=False))


def _check_faces(faces: Faces) -> None:
    labels = faces.points[~np.isnan(faces.points)]
    assert (labels >= -96).all() and (labels <= 192).all()  # noqa: PT018
    assert (faces.image_ids >= 0).all()


def _lookup(folder: Path) -> None:
    rows = [f"{i},{i % 2 + 1},{nn_column},\n" for i, nn_column in enumerate(("nose_tip_x", "nose_tip_y") * 10, 1)]
    (folder / "lookup.csv").write_text("RowId,ImageId,FeatureName,Location\n" + "".join(rows))


def _read_lookup(folder: Path) -> None:
    lookup = read_lookup(folder / "lookup.csv")
    assert (lookup.row_ids >= 0).all() and (lookup.image_ids >= 0).all()  # noqa: PT018
    assert (lookup.columns >= 0).all() and (lookup.columns < 30).all()  # noqa: PT018


def _mlp() -> nn.Sequential:
    return nn.Sequential(nn.MaxPool2D(16), nn.Flatten(), nn.Dense(36, 8, rng=0), nn.ReLU(), nn.Dense(8, 30, rng=0))


def _cnn() -> nn.Sequential:
    return nn.Sequential(
        nn.MaxPool2D(4), nn.ContrastNormalization(), nn.Conv2D(1, 2, 3, padding=1, rng=0), nn.ReLU(), nn.MaxPool2D(4),
        nn.Flatten(), nn.Dropout(0.5, rng=0), nn.Dense(72, 30, rng=0),
    )  # fmt: skip


def _single(make: Callable[[], nn.Sequential]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        SingleNetwork(make(), both_ways=True).save(folder)

    return write


def _read_model(folder: Path) -> None:
    model = nn.load(folder / "model.npz")
    assert all(np.isfinite(value).all() for value in model.parameters())
    _predict(folder)


def _predict(folder: Path) -> None:
    points = load_predictor(folder).predict_points(FACES.images)
    assert np.isfinite(points).all()


def _predict_asked(folder: Path) -> None:
    """Each face as one of the sources asks for it."""
    asked = np.ones((len(FACES.images), 15), bool)
    asked[1::2] = np.arange(15) == POINTS.index("nose_tip")
    predictor = load_predictor(folder)
    assert isinstance(predictor, Cascade)
    assert np.isfinite(predictor.predict_points(FACES.images, asked)).all()


def _onnx(folder: Path) -> None:
    nn.export_onnx(_cnn(), folder / "model.onnx", input_shape=(96, 96, 1))


def _read_onnx(folder: Path) -> None:
    model = nn.import_onnx(folder / "model.onnx")
    assert all(np.isfinite(value).all() for value in model.parameters())


def _cascade(folder: Path) -> None:
    nose = Region("nose", ("nose_tip",), 8, 20.0)
    network = nn.Sequential(nn.Flatten(), nn.Dense(64, 2, rng=0))
    reference = FACES.points[:1].mean(axis=0).astype(np.float64)
    reference[np.isnan(reference)] = 48
    sets = {1 << POINTS.index("nose_tip"): np.full((15, 2), 0.5), (1 << 15) - 1: np.zeros((15, 2))}
    level = Level((nose,), (network,), (Blend.none(), Blend.none()), {each: Blend.none() for each in sets})
    Cascade(_mlp(), reference, (level,), LabelConventions(sets)).save(folder)


def _run(folder: Path) -> None:
    _single(_mlp)(folder)
    rows = "".join(f"{i},0.5,0.25,4.5,0.001,{i}.5,160,97.5\n" for i in range(1, 6))
    heading = "epoch,loss,validation_loss,rmse_px,lr,seconds,images,images_per_second\n"
    (folder / "history.csv").write_text(heading + rows)
    config = (
        '{"data": "/etc/passwd", "rows": "all", "batch_size": 64, "seed": 0, "optimizer": "sgd", "momentum": 0.9, '
        '"nesterov": false, "weight_decay": 0.001, "training_faces": 160, "model": "x"}'
    )
    (folder / "metrics.json").write_text(f'{{"rmse_px": 3.5, "config": {config}, "files": ["model.npz"]}}')


def _read_history(folder: Path) -> None:
    history = nn.History.load_csv(folder / "history.csv")
    epochs = history.columns["epoch"]
    assert epochs == sorted(set(epochs))
    assert all(1 <= epoch == int(epoch) for epoch in epochs)
    assert all(0 <= value < np.inf for name in ("lr", "seconds") for value in history.columns.get(name, []))


def _diagnose(folder: Path) -> None:
    """The program itself: its one line on stderr and its exit status stand for the error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            nnscratch_main(["diagnose", str(folder)])
    except SystemExit as ended:
        assert ended.code == 2  # noqa: PT017
        raise ValueError(err.getvalue().removesuffix("\n")) from None


def _cached(folder: Path) -> None:
    save_faces(FACES, folder / "a.csv")
    _load_cached(folder)


def _load_cached(folder: Path) -> Faces:
    os.environ["NNSCRATCH_CACHE"] = str(folder / "cache")
    return load_faces(folder / "a.csv")


def _read_cached(folder: Path) -> None:
    """Whatever the entry is, the faces are those of the file."""
    faces = _load_cached(folder)
    for name, array in vars(FACES).items():
        np.testing.assert_array_equal(getattr(faces, name), array)
    shutil.rmtree(folder / "cache")
    (folder / "cache").mkdir()


def _result(folder: Path) -> None:
    probe = {"layers": {"0 Dense": {"spread": 0.5, "mean": 0.5, "weight": 0.5, "decay_gradient": 0.5}}, "noise_px": 1.0}
    result = {
        "rmse_px": 4.0, "ratio": 0.5, "per_point": {"nose_tip": 3.5}, "history": {"epoch": [1, 2], "loss": [0.5, None]},
        "probes": {0: probe}, "outcome": "ALL_EPOCHS", "stopped": "all 2 epochs done", "parameters": 30,
    }  # fmt: skip
    results.write(folder / "result.json", _MADE_FROM, result)  # type: ignore[arg-type]


def _read_result(folder: Path) -> None:
    result = results.read(folder / "result.json", _MADE_FROM)
    if result is None:
        raise ValueError("no result")
    assert isinstance(result.get("rmse_px"), int | float | None)


def _train(folder: Path) -> None:
    """Trains for two epochs, or goes on from the checkpoint in the folder."""
    model = nn.Sequential(nn.Dense(3, 4, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=0), nn.Dense(4, 2, rng=1))
    rows = np.random.default_rng(0).random((8, 5), np.float32)
    trainer = nn.Trainer(model, nn.MSELoss(), nn.Adam(model, lr=0.001), batch_size=4, average=0.9, progress=False)
    checkpoint = folder / "a.npz"
    try:
        history = trainer.fit(rows[:, :3], rows[:, 3:], epochs=2, checkpoint=checkpoint)
    finally:
        checkpoint.with_name("a.previous.npz").unlink(missing_ok=True)
    assert all(np.isfinite(value).all() for value in model.parameters())
    assert history.columns["epoch"] == [1, 2]
