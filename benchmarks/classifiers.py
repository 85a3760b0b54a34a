"""Two classifiers that try to tell generated windows from real ones: a logistic one and a small network, five-fold.

The logistic one sees the log-spectrum (Hann; single bins of short windows, 128 bands of long ones), 19 quantiles of the
increments and the log deviation of increments over 1, 2, 4, ... values. The network sees values, increments and second
differences of short windows, values alone of long ones: four (three) strided convolutions with ReLU, mean and maximum
over time, one linear layer; Adam. Classes are balanced, everything is standardised on the training folds alone, and
each window is judged once, by the network that did not see it. The interval is Wilson's.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

FOLDS = 5
LONG = 4096
PENALTY = 30.0
QUANTILES = np.linspace(0.05, 0.95, 19)


class Accuracy(NamedTuple):
    """Share told right, and its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.share:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


def wilson(right: int, count: int) -> Accuracy:
    """Wilson (1927), "Probable inference, the law of succession, and statistical inference"."""
    z, p = 1.96, right / count
    centre, half = p + z**2 / (2 * count), z * np.sqrt(p * (1 - p) / count + z**2 / (4 * count**2))
    return Accuracy(p, float((centre - half) / (1 + z**2 / count)), float((centre + half) / (1 + z**2 / count)))


def features(windows: np.ndarray) -> np.ndarray:
    """What the logistic classifier sees."""
    return np.concatenate([_seen(windows[at : at + 64].astype(np.float64)) for at in range(0, len(windows), 64)])


def _seen(x: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(x * np.hanning(x.shape[1]))) ** 2
    if x.shape[1] >= LONG:
        power = _banded(power)
    steps = np.diff(x)
    quantiles = np.quantile(steps, QUANTILES, axis=1).T
    lags = 2 ** np.arange(8)
    over = np.stack([np.std(x[:, lag:] - x[:, :-lag], axis=1) for lag in lags], axis=1)
    return np.concatenate([np.log(power[:, 1:] + 1e-30), quantiles / steps.std(), np.log(over + 1e-15)], axis=1)


def _banded(power: np.ndarray) -> np.ndarray:
    bins = power.shape[1]
    edges = np.unique(np.concatenate([np.geomspace(2, bins, 65), np.linspace(2, bins, 65)]).astype(int))
    return np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)


def folds(count: int, seed: int = 0) -> list[np.ndarray]:
    """Which windows of one class each fold judges."""
    return list(np.array_split(np.random.default_rng(seed).permutation(count), FOLDS))


def judged(real: np.ndarray, made: np.ndarray, how: Any, seed: int = 0) -> Accuracy:
    """Five-fold accuracy of `how(train x, train y, test x) -> scores`."""
    count, right = min(len(real), len(made)), 0
    for number, out in enumerate(folds(count, seed)):
        kept = np.setdiff1d(np.arange(count), out)
        train = np.concatenate([real[kept], made[kept]])
        labels = np.repeat([0.0, 1.0], len(kept))
        scores = how(train, labels, np.concatenate([real[out], made[out]]), number)
        right += int(np.sum((scores > 0) == np.repeat([False, True], len(out))))
    return wilson(right, 2 * count)


def logistic(real: np.ndarray, made: np.ndarray) -> Accuracy:
    """The logistic classifier, of `features`."""
    return judged(real, made, _logistic)


def _logistic(train: np.ndarray, labels: np.ndarray, test: np.ndarray, number: int) -> np.ndarray:
    mean, deviation = train.mean(0), train.std(0) + 1e-12
    x = np.concatenate([(train - mean) / deviation, np.ones((len(train), 1))], axis=1)
    weights = np.zeros(x.shape[1])
    ridge = np.append(np.full(x.shape[1] - 1, PENALTY), 1e-6)
    for _ in range(12):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (p - labels) + ridge * weights
        weights -= np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge), slope)
    return np.concatenate([(test - mean) / deviation, np.ones((len(test), 1))], axis=1) @ weights


def network(real: np.ndarray, made: np.ndarray, epochs: int | None = None) -> Accuracy:
    """The small convolutional network; short windows are seen eight times, long ones once, in batches of 16."""
    long = real.shape[1] >= LONG
    epochs = epochs or (1 if long else 8)
    return judged(real, made, lambda *given: _network(*given, epochs, long))


LAYERS = {
    True: ((1, 12, 64, 32), (12, 24, 9, 4), (24, 32, 9, 4)),
    False: ((3, 16, 15, 2), (16, 24, 9, 2), (24, 32, 9, 2), (32, 32, 9, 2)),
}
"""Channels in and out, taps, stride."""


def _channels(x: np.ndarray, long: bool) -> np.ndarray:
    if long:
        return x[:, None]
    return np.stack([x, np.diff(x, prepend=x[:, :1]), np.diff(x, 2, prepend=x[:, :1], append=x[:, -1:])], axis=1)


def _answer(weights: Any, x: Any, long: bool) -> Any:
    for (kernel, bias), (_, _, taps, stride) in zip(weights[:-1], LAYERS[long], strict=True):
        x = jax.lax.conv_general_dilated(x, kernel, (stride,), [(taps // 2, taps // 2)]) + bias[:, None]
        x = jax.nn.relu(x)
    pooled = jnp.concatenate([x.mean(-1), x.max(-1)], axis=-1)
    return pooled @ weights[-1][0] + weights[-1][1]


def _loss(weights: Any, x: Any, y: Any, long: bool) -> Any:
    score = _answer(weights, x, long)
    return jnp.mean(jax.nn.softplus(score) - y * score) + 1e-4 * sum(jnp.sum(k**2) for k, _ in weights)


def _step(weights: Any, state: Any, x: Any, y: Any, rate: Any, long: bool) -> Any:
    import optax

    slope = jax.grad(_loss)(weights, x, y, long)
    updates, state = optax.scale_by_adam().update(slope, state)
    return jax.tree.map(lambda w, u: w - rate * u, weights, updates), state


_stepped = jax.jit(_step, static_argnums=5)
_answered = jax.jit(_answer, static_argnums=2)


def _network(train: np.ndarray, y: np.ndarray, test: np.ndarray, number: int, epochs: int, long: bool) -> np.ndarray:
    import optax

    random = np.random.default_rng(number)
    some = _channels(train[random.permutation(len(train))[:500]].astype(np.float64), long)
    scale = some.std(axis=(0, 2), keepdims=True)[0]
    keys = jax.random.split(jax.random.key(number), len(LAYERS[long]))
    weights: Any = [
        (jax.random.normal(key, (out, into, taps)) * np.sqrt(2 / (into * taps)), jnp.zeros(out))
        for key, (into, out, taps, _) in zip(keys, LAYERS[long], strict=True)
    ]
    weights.append((jnp.zeros(2 * LAYERS[long][-1][1]), jnp.zeros(())))
    state, batch, done = optax.scale_by_adam().init(weights), 16 if long else 64, 0
    total = epochs * (len(train) // batch)
    for _ in range(epochs):
        order = random.permutation(len(train))
        for at in range(0, len(order) - batch + 1, batch):
            rows = order[at : at + batch]
            x = jnp.asarray(_channels(train[rows], long) / scale, jnp.float32)
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * done / total))
            weights, state = _stepped(weights, state, x, jnp.asarray(y[rows], jnp.float32), rate, long)
            done += 1
    parts = [test[at : at + batch] for at in range(0, len(test), batch)]
    padded = [np.concatenate([p, np.zeros((batch - len(p), p.shape[1]), p.dtype)]) for p in parts]
    scores = [
        np.asarray(_answered(weights, jnp.asarray(_channels(p, long) / scale, jnp.float32), long)) for p in padded
    ]
    return np.concatenate(scores)[: len(test)]
