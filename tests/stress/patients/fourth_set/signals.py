"""Data of the fourth set that is measured in time or space: arms, pendulums, sounds, pictures."""

from __future__ import annotations

import numpy as np

from patients.fourth_set.networks import standard

Rows = tuple[np.ndarray, np.ndarray]


def arm(rng: np.random.Generator, n: int, joints: int = 3) -> Rows:
    """Angles of an arm's joints in radians; y: where its hand is."""
    angles = rng.uniform(-1.4, 1.4, (n, joints))
    total = angles.cumsum(axis=1)
    return angles.astype(np.float32), standard(np.stack([np.cos(total).sum(axis=1), np.sin(total).sum(axis=1)], axis=1))


def pendulum(rng: np.random.Generator, n: int) -> Rows:
    """Angle and speed; y: both, a second later, by small steps of the equation of motion."""
    angle, speed = rng.uniform(-2.5, 2.5, n), rng.uniform(-2, 2, n)
    x = np.stack([angle, speed], axis=1)
    for _ in range(50):
        speed = speed - 0.02 * (4 * np.sin(angle) + 0.2 * speed)
        angle = angle + 0.02 * speed
    return x.astype(np.float32), standard(np.stack([angle, speed], axis=1))


def gas(rng: np.random.Generator, n: int, sensors: int = 8) -> Rows:
    """Sensors that drift with the hours, and the hour; y: the gas."""
    amount, hour = rng.gamma(2, 1, n), np.linspace(0, 1, n)
    gain, drift = rng.uniform(0.5, 1.5, sensors), rng.normal(0, 1, sensors)
    x = np.log1p(amount)[:, None] * gain + hour[:, None] * drift + 0.1 * rng.standard_normal((n, sensors))
    return standard(np.concatenate([x, hour[:, None]], axis=1)), standard(amount[:, None])


def sounds(rng: np.random.Generator, n: int, classes: int = 6) -> Rows:
    """Log energies of 16 bands of a noisy tone; y: (n,) which of the tones, integers."""
    y, time = rng.integers(classes, size=n), np.arange(128)
    pitch = 0.03 + 0.05 * y[:, None] + 0.008 * rng.standard_normal((n, 1))
    wave = np.sin(2 * np.pi * (pitch * time + rng.random((n, 1)))) * rng.uniform(0.4, 1.5, (n, 1))
    power = np.abs(np.fft.rfft(wave + 0.7 * rng.standard_normal(wave.shape)))[:, 1:] ** 2
    return standard(np.log(power.reshape(n, 16, 4).sum(axis=2))), y


def vibration(rng: np.random.Generator, n: int, length: int = 32) -> Rows:
    """Windows of a machine's vibration, a decaying beat; y: its strength and its decay."""
    strength, decay = rng.uniform(0.5, 2, (n, 1)), rng.uniform(0.02, 0.2, (n, 1))
    time = np.arange(length)
    x = strength * np.exp(-decay * time) * np.cos(0.6 * time) + 0.05 * rng.standard_normal((n, length))
    return x.astype(np.float32), standard(np.concatenate([strength, decay], axis=1))


def dots(rng: np.random.Generator, n: int, size: int = 12) -> Rows:
    """Grey pictures of one soft dot, 0..1; y: its place, -1..1."""
    place = rng.uniform(-0.7, 0.7, (n, 2))
    axis = np.linspace(-1, 1, size)
    distance = (axis[:, None] - place[:, 0, None, None]) ** 2 + (axis - place[:, 1, None, None]) ** 2
    x = np.exp(-distance / 0.06) + 0.1 * rng.random((n, size, size))
    return np.clip(x, 0, 1)[..., None].astype(np.float32), place.astype(np.float32)


def bars(rng: np.random.Generator, n: int, size: int = 8) -> Rows:
    """Pictures of a bar that lies, stands, rises or falls; y: (n,) which, integers."""
    y, shift = rng.integers(4, size=n), rng.integers(-2, 3, size=n)
    row, column = np.mgrid[:size, :size] - size // 2
    across = np.stack([row, column, row + column, row - column])[y]
    x = (across == shift[:, None, None]) + 0.25 * rng.standard_normal((n, size, size))
    return x[..., None].astype(np.float32), y


def glyphs(rng: np.random.Generator, n: int, classes: int = 10, size: int = 8) -> Rows:
    """Drawn signs, moved by a pixel at most, with noise; y: (n,) which, integers."""
    signs = np.zeros((classes, size, size))
    for sign in signs:
        place = rng.integers(1, size - 1, 2)
        for _ in range(14):
            sign[tuple(place)] = 1
            place = np.clip(place + rng.integers(-1, 2, 2), 1, size - 2)
    y, moves = rng.integers(classes, size=n), rng.integers(-1, 2, (n, 2))
    x = np.stack([np.roll(signs[k], move, (0, 1)) for k, move in zip(y, moves, strict=True)])
    return (x + 0.2 * rng.standard_normal(x.shape))[..., None].astype(np.float32), y
