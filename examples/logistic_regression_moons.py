"""Logistic regression on two moons, as TensorFlow 1 would have it: a graph, sessions, checkpoints, summaries, a sweep.

python examples/logistic_regression_moons.py

`logistic_regression` builds the graph, in name scopes that TensorBoard folds up. Each run of the sweep trains by
mini-batches, saves a checkpoint now and then and the model at its end, and writes summaries:
`tensorboard --logdir moons/logs` shows them. Writes moons.png: the curves of all runs, and what the best one learned.
"""

from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import tracejit.compat.tensorflow.v1 as tf

FOLDER = Path("moons")
PICTURE = Path("moons.png")
RATES = (0.1, 1.0, 10.0)
BATCHES = (10, 50, 250)
EVERY = 10  # epochs between two checkpoints; a summary is written after each epoch


def moons(count, rng, noise=0.15):
    """Points of two interleaved half circles, and the half circle of each: 0 or 1."""
    labels = rng.integers(0, 2, count)
    angles = rng.uniform(0, np.pi, count)
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = np.where(labels[:, None] == 0, points, [1.0, 0.5] - points)
    return points + rng.normal(0, noise, points.shape), labels


def features(points):
    """The coordinates with their squares and cubes, so that a plane in nine dimensions can bend in two."""
    x, y = points.T
    return np.stack([x, y, x * x, x * y, y * y, x**3, x * x * y, x * y * y, y**3], axis=1)


class Model(NamedTuple):
    """The nodes of a graph that one runs or feeds."""

    inputs: Any
    labels: Any
    probability: Any
    loss: Any
    accuracy: Any
    training_step: Any
    summaries: Any
    initializer: Any
    saver: Any


def logistic_regression(inputs, rate):
    """Build, in the default graph, logistic regression of ``inputs`` features and gradient descent of step ``rate``."""
    with tf.name_scope("data"):
        x = tf.placeholder(tf.float32, shape=(None, inputs), name="x")
        y = tf.placeholder(tf.float32, shape=(None, 1), name="y")
    with tf.name_scope("model"):
        weights = tf.Variable(tf.random_uniform([inputs, 1], -1.0, 1.0, seed=1), name="weights")
        bias = tf.Variable(0.0, name="bias")
        logits = tf.add(tf.matmul(x, weights), bias, name="logits")
        probability = tf.sigmoid(logits, name="probability")
    with tf.name_scope("train"):
        # maximum(z, 0) - z*y + log(1 + exp(-|z|)): the log of the probability, without overflow
        losses = tf.maximum(logits, 0.0) - logits * y + tf.log(1.0 + tf.exp(-tf.abs(logits)))
        loss = tf.reduce_mean(losses, name="loss")
        training_step = tf.train.GradientDescentOptimizer(learning_rate=rate).minimize(loss)
    with tf.name_scope("evaluation"):
        right = tf.equal(tf.cast(probability > 0.5, tf.float32), y)
        accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
        tf.summary.scalar("loss", loss)
        tf.summary.scalar("accuracy", accuracy)
        summaries = tf.summary.merge_all()
    saver, initializer = tf.train.Saver(max_to_keep=2), tf.global_variables_initializer()
    return Model(x, y, probability, loss, accuracy, training_step, summaries, initializer, saver)


def train(training, test, rate, size, epochs):
    """Train a model in a graph of its own; gives the test loss after each epoch, and the path of the final model."""
    (points, labels), rng = training, np.random.default_rng(0)
    name = f"rate {rate:g}, batch {size}"
    folder = FOLDER / "models" / name.replace(", ", "_").replace(" ", "")
    folder.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default() as graph:
        model = logistic_regression(points.shape[1], rate)
        writer = tf.summary.FileWriter(str(FOLDER / "logs" / folder.name), graph)
        held_out = {model.inputs: test[0], model.labels: test[1]}
        losses, step = [], 0
        with tf.Session() as session:
            session.run(model.initializer)
            for epoch in range(epochs):
                order = rng.permutation(len(points))
                for start in range(0, len(points) - size + 1, size):
                    batch = order[start : start + size]
                    session.run(model.training_step, {model.inputs: points[batch], model.labels: labels[batch]})
                    step += 1
                loss, summary = session.run([model.loss, model.summaries], feed_dict=held_out)
                writer.add_summary(summary, step)
                losses.append(float(loss))
                if epoch % EVERY == 0:
                    model.saver.save(session, str(folder / "checkpoint.ckpt"), global_step=step)
            path = model.saver.save(session, str(folder / "final.ckpt"))
        writer.close()
    return losses, path


def restored(path, inputs):
    """The function from features to probabilities of a saved model, in a session that never ran an initializer."""
    graph = tf.Graph()
    with graph.as_default():
        model = logistic_regression(inputs.shape[1], rate=1.0)
        with tf.Session() as session:
            model.saver.restore(session, path)
            return session.run(model.probability, feed_dict={model.inputs: inputs})


def draw(curves, points, labels, path):
    """Write the curves, and the data with the probabilities of the model at ``path``, to PICTURE."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for (rate, size), (losses, _) in curves.items():
        left.plot(range(1, len(losses) + 1), losses, label=f"rate {rate:g}, batch {size}")
    left.set(title="loss on held-out points", xlabel="epoch", yscale="log")
    left.legend(fontsize="small", ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    x, y = np.meshgrid(np.linspace(-2, 3, 120), np.linspace(-1.5, 2, 120))
    surface = restored(path, features(np.stack([x.ravel(), y.ravel()], axis=1))).reshape(x.shape)
    right.contourf(x, y, surface, levels=20, cmap="RdBu", alpha=0.7)
    right.scatter(*points.T, c=labels, cmap="RdBu", s=8, edgecolors="black", linewidths=0.2)
    right.set(title="the best model")
    figure.savefig(PICTURE, dpi=120)


def main(count=2000, epochs=60, rates=RATES, sizes=BATCHES):
    rng = np.random.default_rng(7)
    points, labels = moons(count, rng)
    inputs, targets, kept = features(points), labels.reshape(-1, 1), count * 4 // 5
    training, test = (inputs[:kept], targets[:kept]), (inputs[kept:], targets[kept:])

    curves = {}
    for rate, size in tqdm(list(product(rates, sizes)), desc="sweep", unit="run"):
        curves[rate, size] = train(training, test, rate, size, epochs)

    best = min(curves, key=lambda key: curves[key][0][-1])
    path = curves[best][1]
    accuracy = np.mean((restored(path, test[0]) > 0.5) == test[1])
    draw(curves, points[kept:], labels[kept:], path)
    print("rate   batch   loss on held-out points")
    for (rate, size), (losses, _) in curves.items():
        print(f"{rate:4g} {size:7}   {losses[-1]:.4f}{'   the best' if (rate, size) == best else ''}")
    print(f"test accuracy   {accuracy:.2%} of {len(test[1])} points, by the model restored from {path}")
    print(f"summaries       tensorboard --logdir {FOLDER / 'logs'}")
    print(f"picture         {PICTURE.absolute()}")
    return accuracy


if __name__ == "__main__":
    main()
