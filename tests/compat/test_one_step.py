"""A training step written for a static graph and one written for tensors with gradients are one program: seeds 000 and 003."""

import numpy as np

import tracejit as tj
import tracejit.compat.tensorflow.v1 as tf
import tracejit.compat.torch as torch

N, D_in, H, D_out = 64, 1000, 100, 10
learning_rate = 1e-6


def tensorflow_step(activation=tf.maximum):
    """The program that a session runs for the step of seed 000."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, shape=(None, D_in))
        y = tf.placeholder(tf.float32, shape=(None, D_out))
        w1 = tf.Variable(tf.random_normal((D_in, H)))
        w2 = tf.Variable(tf.random_normal((H, D_out)))
        h = tf.matmul(x, w1)
        h_relu = activation(h, tf.zeros(1))
        y_pred = tf.matmul(h_relu, w2)
        loss = tf.reduce_sum((y - y_pred) ** 2.0)
        grad_w1, grad_w2 = tf.gradients(loss, [w1, w2])
        new_w1 = w1.assign(w1 - learning_rate * grad_w1)
        new_w2 = w2.assign(w2 - learning_rate * grad_w2)
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            values = {x: np.ones((N, D_in)), y: np.ones((N, D_out))}
            return sess.program([loss, new_w1, new_w2], feed_dict=values)


def torch_step():
    """The loop body of seed 003 as a program that has run."""
    x = torch.autograd.Variable(torch.randn(N, D_in), requires_grad=False)
    y = torch.autograd.Variable(torch.randn(N, D_out), requires_grad=False)
    w1 = torch.autograd.Variable(torch.randn(D_in, H), requires_grad=True)
    w2 = torch.autograd.Variable(torch.randn(H, D_out), requires_grad=True)

    @torch.compile
    def step():
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        w1.data -= learning_rate * w1.grad.data
        w2.data -= learning_rate * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
        return loss.data

    for _ in range(3):  # gradients are there from the second call on
        step()
    return step


def test_seeds_000_and_003_are_the_same_training_step():
    found = tj.compare(tensorflow_step(), torch_step())
    assert found, found
    assert "are the same program" in str(found)
    assert sum("is taken to hold 0.0, as each call leaves it" in note for note in found.notes) == 2  # the gradients


def test_another_activation_is_another_step():
    found = tj.compare(tensorflow_step(tf.minimum), torch_step())
    assert not found
    ours, theirs = (side.where.text for side in found.sides)
    assert ours == "h_relu = activation(h, tf.zeros(1))" and theirs == "y_pred = x.mm(w1).clamp(min=0).mm(w2)"
