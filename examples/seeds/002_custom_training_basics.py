"""TensorFlow's eager mode: variables, a tape, and a linear model fitted to 1000 noisy points.

python examples/seeds/002_custom_training_basics.py

The notebook's cells in order; only the import lines are changed, and lines that end in "added" make `plt.show()`
write 002_before.png and 002_training.png. Copyright 2018 The TensorFlow Authors.
"""
# ruff: noqa: D101, E402, UP004, UP031  # the tutorial is left as it is
# fmt: off

#@title Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
# https://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

import tracejit.compat.tensorflow.v1 as tf

tf.enable_eager_execution()

# 파이썬 state 사용
x = tf.zeros([10, 10])
x += 2  # 이것은 x = x + 2 같으며, 초기값 x를 변경하지 않습니다.
print(x)

v = tf.Variable(1.0)
assert v.numpy() == 1.0

# 값 재배열
v.assign(3.0)
assert v.numpy() == 3.0

# 텐서플로우 연산자 내에서 `v` 사용
v.assign(tf.square(v))
assert v.numpy() == 9.0

class Model(object):
  def __init__(self):
    # 변수 초기화 (5.0, 0.0)
    # 실제로는 임의의 값으로 초기화 되어야합니다.
    self.W = tf.Variable(5.0)
    self.b = tf.Variable(0.0)

  def __call__(self, x):
    return self.W * x + self.b

model = Model()

assert model(3.0).numpy() == 15.0

def loss(predicted_y, desired_y):
  return tf.reduce_mean(tf.square(predicted_y - desired_y))

TRUE_W = 3.0
TRUE_b = 2.0
NUM_EXAMPLES = 1000

inputs  = tf.random_normal(shape=[NUM_EXAMPLES])
noise   = tf.random_normal(shape=[NUM_EXAMPLES])
outputs = inputs * TRUE_W + TRUE_b + noise

import matplotlib.pyplot as plt

plt.switch_backend("agg")  # added: no window; plt.show() writes a file instead
pictures = iter(["002_before.png", "002_training.png"])  # added
plt.show = lambda: (plt.savefig(next(pictures)), plt.close())  # added

plt.scatter(inputs, outputs, c='b')
plt.scatter(inputs, model(inputs), c='r')
plt.show()

print('Current loss: '),
print(loss(model(inputs), outputs).numpy())

def train(model, inputs, outputs, learning_rate):
  with tf.GradientTape() as t:
    current_loss = loss(model(inputs), outputs)
  dW, db = t.gradient(current_loss, [model.W, model.b])
  model.W.assign_sub(learning_rate * dW)
  model.b.assign_sub(learning_rate * db)

model = Model()

# 도식화를 위해 W값과 b값들의 변화를 저장합니다.
Ws, bs = [], []
epochs = range(10)
for epoch in epochs:
  Ws.append(model.W.numpy())
  bs.append(model.b.numpy())
  current_loss = loss(model(inputs), outputs)

  train(model, inputs, outputs, learning_rate=0.1)
  print('Epoch %2d: W=%1.2f b=%1.2f, loss=%2.5f' %
        (epoch, Ws[-1], bs[-1], current_loss))

# Let's plot it all
plt.plot(epochs, Ws, 'r',
         epochs, bs, 'b')
plt.plot([TRUE_W] * len(epochs), 'r--',
         [TRUE_b] * len(epochs), 'b--')
plt.legend(['W', 'b', 'true W', 'true_b'])
plt.show()
