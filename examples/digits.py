"""Train a network on handwritten digits: forward, reverse and Adam in one compiled program.

python examples/digits.py
python examples/digits.py --device cuda

The 1797 images of 8 by 8 pixels come with scikit-learn. Batches vary in size and the learning rate falls, yet the
training step is compiled once: both are values that the program is given, not constants in it. Writes digits.png.

On a GPU, weights live there, and batches are copied to it. TRACEJIT_CUDA=emulate trains a small network without one.
"""

import argparse
import os
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import tracejit as tj

options = argparse.ArgumentParser()
options.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
DEVICE = options.parse_known_args()[0].device
SMALL = DEVICE == "cuda" and os.environ.get("TRACEJIT_CUDA") == "emulate"
SIZES = (64, 32, 16, 10) if SMALL else (64, 256, 128, 10)
PICTURE = Path("digits.png")

rng = np.random.default_rng(0)


def variables():
    """The weights and biases, layer by layer, in float32."""
    for fan_in, fan_out in pairwise(SIZES):
        weights = rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))
        yield tj.Variable(weights.astype(np.float32), name="w")
        yield tj.Variable(np.zeros(fan_out, np.float32), name="b")


with tj.device(DEVICE):
    parameters = list(variables())
    means = [tj.Variable(np.zeros_like(p.numpy()), name="mean") for p in parameters]
    squares = [tj.Variable(np.zeros_like(p.numpy()), name="square") for p in parameters]
    steps = tj.Variable(np.float32(0), name="steps")


def scores(images):
    """Ten numbers per image; the greatest is the network's guess."""
    w1, b1, w2, b2, w3, b3 = parameters
    hidden = np.maximum(images @ w1 + b1, 0)
    hidden = np.maximum(hidden @ w2 + b2, 0)
    return hidden @ w3 + b3


@tj.function
def classify(images):
    """The guesses."""
    return np.argmax(scores(images), axis=1)


@tj.function
def train_step(images, labels, rate):
    """One step of Adam on one batch; gives the loss before it."""
    with tj.GradientTape() as tape:
        loss = tj.cross_entropy(scores(images), labels)
    steps.assign_add(1)
    for p, m, s, g in zip(parameters, means, squares, tape.gradient(loss, parameters), strict=True):
        m.assign(0.9 * m + 0.1 * g)
        s.assign(0.999 * s + 0.001 * g * g)
        p.assign_sub(rate * (m / (1 - 0.9**steps)) / (np.sqrt(s / (1 - 0.999**steps)) + 1e-8))
    return loss


def batches(count):
    """Shuffle ``count`` indices and cut them into batches of 16 to 128; the last is what is left, if more than one."""
    order = rng.permutation(count)
    while len(order) > 1:
        size = rng.integers(16, 129)
        yield order[:size]
        order = order[size:]


def draw(losses, images, labels, guesses):
    """Write the loss curve and the first test images with the network's guesses to PICTURE."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    curve = left.subplots()
    curve.semilogy(losses, linewidth=0.7)
    curve.set(title="loss", xlabel="step")
    for axes, image, label, guess in zip(right.subplots(3, 6).flat, images, labels, guesses, strict=False):
        axes.imshow(image.reshape(8, 8), cmap="gray_r")
        axes.set_title(f"{guess}", color="green" if guess == label else "red")
        axes.axis("off")
    figure.savefig(PICTURE, dpi=120)


def main(epochs=20 if SMALL else 40):
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    split = train_test_split(images, labels, test_size=0.2, random_state=42, stratify=labels)
    train_images, test_images, train_labels, test_labels = split

    start, losses, sizes = time.perf_counter(), [], set()
    progress = tqdm(range(epochs), desc="training", unit="epoch")
    for epoch in progress:
        rate = 3e-3 * (1 - epoch / epochs)
        for batch in batches(len(train_images)):
            losses.append(float(train_step(train_images[batch], train_labels[batch], rate)))
            sizes.add(len(batch))
        progress.set_postfix(loss=f"{losses[-1]:.4f}")
    seconds = time.perf_counter() - start

    guesses = np.array(classify(test_images).tolist())
    accuracy = np.mean(guesses == test_labels)
    draw(losses, test_images, test_labels, guesses)
    print(f"test accuracy   {accuracy:.2%} of {len(test_labels)} images")
    print(f"training        {len(losses)} steps in {seconds:.1f} s, compilation included")
    print(f"compilations    {train_step.compilations}, for batches of {len(sizes)} sizes from {min(sizes)} to {max(sizes)}")
    print(f"picture         {PICTURE.absolute()}")
    print(f"the program     {train_step.source().path}")
    return accuracy


if __name__ == "__main__":
    main()
