"""Networks as scikit-learn's estimators: in a Pipeline, a GridSearchCV, a cross-validation.

    regressor.py     NetworkRegressor: predicts numbers, one or several a row
    classifier.py    NetworkClassifier: predicts one of several classes
    estimator.py     what both share: parameters, training, warm start, threads
    layers.py        from a description of the layers to a network
    targets.py       numbers in units of their own spread, missing ones among them

Needs the extra `sklearn`: `pip install 'nnscratch[sklearn]'`. `import nnscratch` does without.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as _error:
    if _error.name != "sklearn":
        raise
    raise ModuleNotFoundError(
        "nnscratch.sklearn: got no scikit-learn, expected it to be installed; pip install 'nnscratch[sklearn]'",
        name="sklearn",
    ) from None

from nnscratch.sklearn.classifier import NetworkClassifier
from nnscratch.sklearn.regressor import NetworkRegressor

__all__ = ["NetworkClassifier", "NetworkRegressor"]
