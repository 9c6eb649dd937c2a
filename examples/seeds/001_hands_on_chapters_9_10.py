"""Notes on "Hands-On Machine Learning", chapters 9 and 10: graphs, sessions, feeds, savers, scopes and shared variables.

python examples/seeds/001_hands_on_chapters_9_10.py

The 23 blocks of the notes in order, in one script. What the notes got wrong or left out as `[...]` is put right on lines
that end in "fixed: ..." or "added"; longer additions stand between "added: ..." and "end of added". California housing is
not downloaded: numbers drawn here, in the ranges of the real ones, stand in for it. Writes my_model.ckpt and
my_model_final.ckpt in the current folder.
"""
# ruff: noqa: E402, E501, I001  # the notes are left as they are
# fmt: off

# %% 00
import tracejit.compat.tensorflow.v1 as tf

x = tf.Variable(3, name="x")
y = tf.Variable(3, name="y")
f = x*x*y + y + 2

# %% 01
sess = tf.Session()
sess.run(x.initializer)
sess.run(y.initializer)

result = sess.run(f)
print(result)
# 32
sess.close()  # fixed: the () was missing

# %% 02
x = tf.Variable(3, name="x")
y = tf.Variable(3, name="y")
f = x*x*y + y + 2


sess = tf.Session()
sess.run(x.initializer)
sess.run(y.initializer)

result = sess.run(f)
print(result)

sess.close()

# %% 03
init = tf.global_variables_initializer()
sess = tf.InteractiveSession() # init 노드 준비  # fixed: opened before init.run(), which needs it
init.run()
result = f.eval()
print(result)
sess.close()

# %% 04
x1 = tf.Variable(1)
print(x1.graph is tf.get_default_graph())  # added: printed

# True

# %% 05
graph = tf.Graph()
with graph.as_default():
    x2 = tf.Variable(2)

print(x2.graph is graph) # True  # added: printed

print(x2.graph is tf.get_default_graph()) # False  # added: printed

# %% 06
w = tf.constant(3)
x = w + 2
y = x + 5
z = x * 3

with tf.Session() as sess:
    print(y.eval()) # 10
    print(z.eval()) # 15

# %% 07
w = tf.constant(3)
x = w + 2
y = x + 5
z = x * 3

with tf.Session() as sess:
    y_val, z_val = sess.run([y,z])
    print(y_val) # 10  # fixed: it evaluated y again
    print(z_val) # 15  # fixed: it evaluated z again

# %% 08
import numpy as np

# added: a stand-in for sklearn.datasets.fetch_california_housing, which downloads
from types import SimpleNamespace


def fetch_california_housing():
    """20640 districts with the ranges, means and spreads of the eight real features, and prices that depend on them."""
    rng = np.random.default_rng(42)
    features = np.array([  # least, mean, standard deviation, greatest
        [0.4999, 3.871, 1.900, 15.0001],  # MedInc
        [1.0, 28.64, 12.59, 52.0],  # HouseAge
        [0.8462, 5.429, 2.474, 141.909],  # AveRooms
        [0.3333, 1.097, 0.474, 34.067],  # AveBedrms
        [3.0, 1425.5, 1132.5, 35682.0],  # Population
        [0.6923, 3.071, 10.386, 1243.33],  # AveOccup
        [32.54, 35.63, 2.136, 41.95],  # Latitude
        [-124.35, -119.57, 2.004, -114.31],  # Longitude
    ])
    least, mean, deviation, greatest = features.T
    data = np.clip(rng.normal(mean, deviation, (20640, 8)), least, greatest)
    slopes = np.array([0.44, 0.01, -0.1, 0.6, 0.0, -0.01, -0.4, -0.4])
    target = 2.07 + (data - mean) @ slopes + rng.normal(0, 0.5, 20640)
    return SimpleNamespace(data=data, target=np.clip(target, 0.15, 5.0))
# end of added

housing = fetch_california_housing()
m, n = housing.data.shape
housing_data_plus_bias = np.c_[np.ones((m, 1)), housing.data]

X = tf.constant(housing_data_plus_bias, dtype= tf.float32, name='X')
y = tf.constant(housing.target.reshape(-1,1), dtype = tf.float32, name='y')

XT = tf.transpose(X)
theta = tf.matmul(tf.matmul(tf.matrix_inverse(tf.matmul(XT,X)), XT), y)  # fixed: tf.matul

with tf.Session() as sess:
    theta_value = theta.eval()
print(theta_value.shape, theta_value.dtype)  # added
print("MSE of the normal equation", np.mean((housing_data_plus_bias @ theta_value - housing.target.reshape(-1,1))**2))  # added

# %% 09
# added: the notes use scaled features without making them
scaled_housing_data = (housing.data - housing.data.mean(axis=0)) / housing.data.std(axis=0)
scaled_housing_data_plus_bias = np.c_[np.ones((m, 1)), scaled_housing_data]
# end of added
n_epochs = 1000
learning_rate = 0.01

X = tf.constant(scaled_housing_data_plus_bias, dtype=tf.float32, name="X")
y = tf.constant(housing.target.reshape(-1,1), dtype=tf.float32, name="y")
theta = tf.Variable(tf.random_uniform([n+1,1], -1.0 , 1.0), name= "theta") # 난수를 담은 텐서를 생성하는 노드를 그래프에 생성, 넘파이의 rand()함수처럼 크기와 난수의 범위를 입력 받습니다.
y_pred = tf.matmul(X, theta, name="predictions")

error = y_pred - y
mse = tf.reduce_mean(tf.square(error), name= "mse")  # fixed: was commented out
gradients = 2/m * tf.matmul(tf.transpose(X), error)  # fixed: was commented out
training_op = tf.assign(theta, theta - learning_rate * gradients) # 변수에 새로운 값을 할당하는 노드를 생성 / 여기서는 배치 경사 하강법의 스템

init = tf.global_variables_initializer()

with tf.Session() as sess:
    sess.run(init)

    for epoch in range(n_epochs):
        if epoch % 100 == 0:
            print("Epoch", epoch, "MSE =", mse.eval())
        sess.run(training_op)
    best_theta = theta.eval()

# %% 10
gradients = tf.gradients(mse, [theta])[0]

# %% 11
optimizer  = tf.train.GradientDescentOptimizer(learning_rate=learning_rate)
training_op = optimizer.minimize(mse)  # fixed: trainig_op

# added: what the notes would now run again
with tf.Session() as sess:
    sess.run(init)
    for _ in range(n_epochs):
        assert sess.run(training_op) is None
    print("by hand and by the optimizer", mse.eval(feed_dict={theta: best_theta}), mse.eval())
# end of added

# %% 12
A = tf.placeholder(tf.float32, shape=(None,3))
B = A + 5
with tf.Session() as sess:
    B_val_1 = B.eval(feed_dict= {A: [[1,2,3]]})
    B_val_2 = B.eval(feed_dict= {A: [[4,5,6], [7,8,9]]})

print(B_val_1) # 6,7,8
print(B_val_2) # 9,10,11 / 12,13,14

# %% 13
# added: the construction phase that the notes left out as [...]
tf.reset_default_graph()
X = tf.constant(scaled_housing_data_plus_bias, dtype=tf.float32, name="X")
y = tf.constant(housing.target.reshape(-1,1), dtype=tf.float32, name="y")
# end of added
theta = tf.Variable(tf.random_uniform([n+1, 1], -1.0, 1.0), name="theta")  # fixed: theata, and a name for the wrong node
y_pred = tf.matmul(X, theta, name="predictions")  # added: for [...]
mse = tf.reduce_mean(tf.square(y_pred - y), name="mse")  # added: for [...]
training_op = tf.train.GradientDescentOptimizer(learning_rate).minimize(mse)  # added: for [...]

init = tf.global_variables_initializer()
saver = tf.train.Saver()

with tf.Session() as sess:
    sess.run(init)

    for epoch in range(n_epochs):  # fixed: n_epoches
        if epoch % 100 == 0:
            save_path = saver.save(sess, "./my_model.ckpt")  # fixed: was in /tmp
        sess.run(training_op)
    best_theta = theta.eval()
    save_path = saver.save(sess, "./my_model_final.ckpt")  # fixed: was in /tmp

# %% 14
with tf.Session() as sess:
    saver.restore(sess, "./my_model_final.ckpt")  # fixed: was in /tmp
    print("restored from", save_path, np.array_equal(theta.eval(), best_theta))  # added: for [...]

# %% 15
with tf.name_scope("loss") as scope:
    error = y_pred - y
    mse = tf.reduce_mean(tf.square(error), name="mse")
print(scope, error.op.name, mse.op.name)  # added

# %% 16
## relu
n_features = 3
X = tf.placeholder(tf.float32, shape=(None, n_features), name="X")

w1 = tf.Variable(tf.random_normal((n_features, 1)), name="weights1")
w2 = tf.Variable(tf.random_normal((n_features, 1)), name="weights2")
b1 = tf.Variable(0.0, name="bias1")
b2 = tf.Variable(0.0, name="bias2")

z1 = tf.add(tf.matmul(X, w1), b1, name="z1")
z2 = tf.add(tf.matmul(X, w2), b2, name="z2")  # fixed: w1 and b1, which are those of z1

relu1 = tf.maximum(z1, 0., name='relu1')
relu2 = tf.maximum(z2, 0., name='relu2')

output = tf.add(relu1, relu2, name="output")  # fixed: ouput

# %% 17
tf.reset_default_graph()  # added: so that the names below are the first of their kind
def relu(X):
    w_shape = (int(X.get_shape()[1]),1)
    w = tf.Variable(tf.random_normal(w_shape), name="weights")
    b = tf.Variable(0.0, name="bias")
    z = tf.add(tf.matmul(X,w), b, name="z")
    return tf.maximum(z, 0., name='relu')

n_features = 3
X = tf.placeholder(tf.float32, shape=(None, n_features), name="X")
relus = [relu(X) for i in range(5)]
output = tf.add_n(relus, name="output")

# added: what came out
print([v.op.name for v in tf.global_variables()[::2]])
print([r.op.name for r in relus])

three_rows = np.array([[1., 2, 3], [-1, -2, -3], [0, 0, 0]])


def first_output():
    """The sum of the five ReLUs for three rows, after the initializers."""
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run(output, feed_dict={X: three_rows})


print(first_output().ravel())
# end of added

# %% 18
tf.reset_default_graph()  # added
def relu(X, threshold):
    with tf.name_scope("relu"):
        w = tf.Variable(tf.random_normal((n_features, 1)), name="weights")  # added: for [...]
        b = tf.Variable(0.0, name="bias")  # added: for [...]
        z = tf.add(tf.matmul(X, w), b, name="z")  # added: for [...]
        return tf.maximum(z, threshold, name="max")
threshold = tf.Variable(0.0, name="threshold")
X = tf.placeholder(tf.float32, shape=(None, n_features),name="X")
relus = [relu(X, threshold) for i in range(5)]
output = tf.add_n(relus, name="output")
print([r.op.name for r in relus], first_output().ravel())  # added

# %% 19
tf.reset_default_graph()  # added
def relu(X):
    with tf.name_scope("relu"):
        if not hasattr(relu, "threshold"):
            relu.threshold = tf.Variable(0.0, name="threshold")
        w = tf.Variable(tf.random_normal((n_features, 1)), name="weights")  # added: for [...]
        b = tf.Variable(0.0, name="bias")  # added: for [...]
        z = tf.add(tf.matmul(X, w), b, name="z")  # added: for [...]
        return tf.maximum(z, relu.threshold, name='relu')  # fixed: tabs
X = tf.placeholder(tf.float32, shape=(None, n_features), name="X")  # added
relus = [relu(X) for i in range(5)]  # added
output = tf.add_n(relus, name="output")  # added
print(relu.threshold.op.name, first_output().ravel())  # added

# %% 20
tf.reset_default_graph()  # added
with tf.variable_scope("relu"):
    threshold = tf.get_variable("threshold", shape=(),
                               initializer = tf.constant_initializer(0.0))  # fixed: initalizer

# %% 21
def relu(X):
    with tf.variable_scope("relu", reuse=True):  # fixed: the block repeated 19, which shares nothing by name
        threshold = tf.get_variable("threshold")  # fixed: likewise
        w = tf.Variable(tf.random_normal((n_features, 1)), name="weights")  # added: for [...]
        b = tf.Variable(0.0, name="bias")  # added: for [...]
        z = tf.add(tf.matmul(X, w), b, name="z")  # added: for [...]
        return tf.maximum(z, threshold, name='relu')  # fixed: tabs


tf.reset_default_graph()  # added: block 20 made the same variable
X = tf.placeholder(tf.float32, shape=(None, n_features), name= "X")
with tf.variable_scope("relu"):
    threshold = tf.get_variable("threshold", shape=(), initializer= tf.constant_initializer(0.0))  # fixed: both spellings
relus = [relu(X) for relu_index in range(5)]
output = tf.add_n(relus, name="output")
print(threshold.op.name, len(tf.global_variables()), first_output().ravel())  # added

# %% 22
x = tf.Variable(tf.random_uniform(shape=(), minval=0.0, maxval=1.0))
x_new_val = tf.placeholder(shape=(), dtype=tf.float32)
x_assign = tf.assign(x, x_new_val)

with tf.Session():
    x.initializer.run()  # fixed: initalizer
    print(x.eval())
    x_assign.eval(feed_dict={x_new_val: 5.0})
    print(x.eval()) # 5.0

# added: chapter 10, exercise 5, which the notes answer in words: the shapes of a network, and its formula
tf.reset_default_graph()
X = tf.placeholder(tf.float32, shape=(None, 10), name="X")
Wh, bh = tf.Variable(tf.random_normal((10, 50)), name="Wh"), tf.Variable(tf.zeros(50), name="bh")
Wo, bo = tf.Variable(tf.random_normal((50, 3)), name="Wo"), tf.Variable(tf.zeros(3), name="bo")
Y = tf.nn.relu(tf.matmul(tf.nn.relu(tf.matmul(X, Wh) + bh), Wo) + bo)
print("Y", Y.get_shape())

# chapter 10, exercises 2 to 4 and 6: activations and their slopes; a step has none to descend
z = tf.constant([-2.0, 0.5, 2.0])
activations = {
    "step": tf.cast(z >= 0.0, tf.float32), "logistic": tf.sigmoid(z), "tanh": tf.tanh(z), "ReLU": tf.nn.relu(z),
}
slopes = {name: tf.gradients(a, [z])[0] for name, a in activations.items()}
with tf.Session() as sess:
    for name, activation in activations.items():
        print(f"{name:8}", activation.eval(), "slope", None if slopes[name] is None else slopes[name].eval())
    print("softmax ", tf.nn.softmax(z).eval(), "which sums to", tf.reduce_sum(tf.nn.softmax(z)).eval())
# end of added
