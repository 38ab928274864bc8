"""Data of the fourth set that people keep in tables; each function gives (x, y) of n rows."""

from __future__ import annotations

import numpy as np

from patients.fourth_set.networks import standard

Rows = tuple[np.ndarray, np.ndarray]


def spectra(rng: np.random.Generator, n: int, columns: int = 60) -> Rows:
    """Absorption at many wavelengths, mixed from four substances; y: two of their effects."""
    amounts = rng.gamma(3, 1, (n, 4))
    place = np.linspace(0, 1, columns)
    peaks = np.exp(-(((place - np.array([[0.2], [0.45], [0.55], [0.8]])) / 0.12) ** 2))
    x = amounts @ peaks + 0.02 * rng.standard_normal((n, columns))
    y = np.stack([amounts[:, 0] / (1 + amounts[:, 2]), np.sqrt(amounts[:, 1])], axis=1)
    return standard(x), standard(y)


def load(rng: np.random.Generator, n: int) -> Rows:
    """Hour (as sine and cosine), weekend, temperature; y: the electric load, standardised."""
    hour, weekend, celsius = rng.uniform(0, 24, n), rng.random(n) < 2 / 7, rng.normal(12, 8, n)
    angle = 2 * np.pi * hour / 24
    y = 40 - 8 * np.cos(angle) + 4 * np.sin(2 * angle) - 5 * weekend + 0.06 * (celsius - 17) ** 2
    x = np.stack([np.sin(angle), np.cos(angle), weekend, (celsius - 12) / 8], axis=1)
    return x.astype(np.float32), standard((y + rng.normal(0, 1.5, n))[:, None])


def ratings(rng: np.random.Generator, n: int, users: int = 20, films: int = 15) -> Rows:
    """User and film, one column each (one-hot); y: stars less their mean."""
    user, film = rng.integers(users, size=n), rng.integers(films, size=n)
    taste, kind = rng.standard_normal((users, 2)), rng.standard_normal((films, 2))
    stars = (taste[user] * kind[film]).sum(axis=1) + rng.normal(0, 0.8, users)[user] + rng.normal(0, 0.8, films)[film]
    x = np.concatenate([np.eye(users)[user], np.eye(films)[film]], axis=1).astype(np.float32)
    return x, standard((stars + rng.normal(0, 0.3, n))[:, None])


def counts(rng: np.random.Generator, n: int, columns: int = 6) -> Rows:
    """What drives visits of a shop; y: square roots of the counts, standardised."""
    x = rng.standard_normal((n, columns))
    rate = np.exp(1.5 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.4 * np.abs(x[:, 2]))
    return x.astype(np.float32), standard(np.sqrt(rng.poisson(rate))[:, None].astype(float))


def matches(rng: np.random.Generator, n: int, noise: float = 0.8) -> Rows:
    """Twelve statistics of two teams, six each; y: the difference of points."""
    x = rng.standard_normal((n, 12))
    skill = np.linspace(1, 0.2, 6)
    strength = x[:, :6] @ skill - x[:, 6:] @ skill
    return x.astype(np.float32), standard((3 * np.tanh(strength / 2) + noise * rng.standard_normal(n))[:, None])


def returns(rng: np.random.Generator, n: int, signal: float = 0.35) -> Rows:
    """Ten former returns; y: the next, of which little can be known (R² about signal²)."""
    x = rng.standard_t(6, (n, 10))
    known = standard((x[:, 0] - 0.5 * x[:, 1] + 0.5 * np.maximum(x[:, 2], 0))[:, None])
    return standard(x), standard(signal * known + np.sqrt(1 - signal**2) * rng.standard_normal((n, 1)))


def patients(rng: np.random.Generator, n: int, missing: float = 0.4) -> Rows:
    """Twelve blood values; y: three measures, a share of them missing (NaN)."""
    x = rng.standard_normal((n, 12)) @ (np.eye(12) + 0.3 * rng.standard_normal((12, 12)) / np.sqrt(12))
    y = standard(np.stack([x[:, 0] + x[:, 1] * x[:, 2], np.abs(x[:, 3]) + 0.5 * x[:, 4], x[:, 5:9].sum(axis=1)], 1))
    y += 0.2 * rng.standard_normal(y.shape).astype(np.float32)
    y[rng.random(y.shape) < missing] = np.nan
    return standard(x), y


def kinds(rng: np.random.Generator, n: int, classes: int, columns: int = 8, spread: float = 1.0) -> Rows:
    """Clouds, two per class; y: (n,) the class, integers."""
    centres = 2.0 * rng.standard_normal((classes, 2, columns))
    y = rng.integers(classes, size=n)
    x = centres[y, rng.integers(2, size=n)] + spread * rng.standard_normal((n, columns))
    return standard(x), y
