"""TensorFlow 2's tensors, variables and tapes, and a linear classifier trained by a step of its own.

python examples/seeds/004_low_level.py

The page's code in order; it has no import lines for TensorFlow, so these are written here, and lines that end in
"added" write 004_targets.png and 004_predictions.png. A bare name such as `v` shows a value in a notebook; here it does nothing.
"""
# ruff: noqa: B018, NPY002  # the tutorial is left as it is
# fmt: off

import matplotlib.pyplot as plt
import numpy as np

import tracejit.compat.tensorflow as tf

plt.switch_backend("agg")  # added: no window

x_ones = tf.ones(shape=(2,1))
x_zeros = tf.zeros(shape=(2,1))
x_normal = tf.random.normal(shape=(3,1),mean=0,stddev=1.)
x_uniform = tf.random.uniform(shape=(3,1), minval=0, maxval=1)
print('ones:\n', x_ones)
print('\nzeros:\n', x_zeros)
print('\nnormal(정규분포랜덤):\n', x_normal)
print('\nuniform(균등분포랜덤):\n', x_uniform)

v= tf.Variable(tf.random.normal((3,1)))
v

v.assign(tf.ones((3,1)))

v.assign_add(np.array([[2.],[0],[0]]))

x = tf.Variable(0.)
with tf.GradientTape() as tape:
    y = 2*x + 3
grad_y_x = tape.gradient(y,x)
print(grad_y_x)

x = tf.Variable(tf.zeros((2,2)))
with tf.GradientTape() as tape:
    y= 2*x + 3
grad_y_x = tape.gradient(y,x)
print(grad_y_x)

input_const = tf.constant(3.)
with tf.GradientTape() as tape:
    tape.watch(input_const)
    result=tf.square(input_const)
gradient = tape.gradient(result, input_const)

gradient

time = tf.Variable(5.)
with tf.GradientTape() as outer_tape:
    with tf.GradientTape() as inner_tape:
        position = 4.9 * time**2
    speed = inner_tape.gradient(position, time) #4.9*2*time
acceleration = outer_tape.gradient(speed, time) #4.9*2
print('speed:', speed)
print('acceleration:', acceleration)

W = tf.Variable(tf.random.uniform((2,2))) #가중치
b = tf.Variable(tf.zeros((2,))) #편향
x = tf.random.uniform((2,2)) #데이터
with tf.GradientTape() as tape:
    y = tf.matmul(x,W) + b
grad_y_W_and_b = tape.gradient(y,[W,b])
print(grad_y_W_and_b)

num_samples_per_class = 1000
negative_samples = np.random.multivariate_normal(
    mean=[0, 3],
    cov=[[1, 0.5],[0.5, 1]],
    size=num_samples_per_class)
positive_samples = np.random.multivariate_normal(
    mean=[3, 0],
    cov=[[1, 0.5],[0.5, 1]],
    size=num_samples_per_class)

inputs = np.vstack((negative_samples, positive_samples)).astype(np.float32)

targets = np.vstack((np.zeros((num_samples_per_class, 1), dtype="float32"),
                     np.ones((num_samples_per_class, 1), dtype="float32")))

input_dim = 2
output_dim = 1
W = tf.Variable(initial_value=tf.random.uniform(shape=(input_dim, output_dim)))
b = tf.Variable(initial_value=tf.zeros(shape=(output_dim,)))

def model(inputs):
    return tf.matmul(inputs, W) + b

# 평균제곱오차
def square_loss(targets, predictions):
    per_sample_losses = tf.square(targets - predictions)
    return tf.reduce_mean(per_sample_losses)
learning_rate = 0.1

def training_step(inputs, targets):
    with tf.GradientTape() as tape:
        predictions = model(inputs)
        loss = square_loss(targets, predictions)
    grad_loss_W, grad_loss_b = tape.gradient(loss, [W, b])
    W.assign_sub(grad_loss_W * learning_rate)
    b.assign_sub(grad_loss_b * learning_rate)
    return loss

for step in range(40):
    loss = training_step(inputs, targets)
    print(f"Loss at step {step}: {loss:.4f}")

plt.scatter(inputs[:, 0], inputs[:, 1], c=targets[:, 0])
plt.savefig("004_targets.png")  # added: the page shows one picture here
plt.close()  # added

predictions = model(inputs)
#타깃이 0또는 1이므로 예측값이 0.5보다 작으면 0, 크면 1
plt.scatter(inputs[:, 0], inputs[:, 1], c=predictions[:, 0] > 0.5)
plt.savefig("004_predictions.png")  # added: and another here
