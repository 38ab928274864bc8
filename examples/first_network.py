"""A first network and its whole training, in one loop: 15 points in drawn faces.

python examples/first_network.py
"""

import numpy as np

import nnscratch as nn
from nnscratch.commands import Parser
from nnscratch.keypoints.drawn.faces import draw_faces

Parser(__doc__).parse_args()  # --help; there is nothing to choose
faces = draw_faces(1200, seed=0)
x, y = faces.x[:1000], faces.y[:1000]  # (1000, 96, 96, 1) pixels from 0 to 1; (1000, 30) coordinates from -1 to 1
held_out_x, held_out_y = faces.x[1000:], faces.y[1000:]  # never trained on: they show what was learnt
mean_answer = np.nanmean(y, axis=0)  # one answer (30,) for all faces: the network must beat it; NaN: no label

rng = np.random.default_rng(0)


def conv_pool(c_in: int, c_out: int, kernel_size: int) -> list[nn.Layer]:
    return [nn.Conv2D(c_in, c_out, kernel_size, rng=rng), nn.ReLU(), nn.MaxPool2D(2)]


model = nn.Sequential(
    *conv_pool(1, 8, 5),  # 96 x 96 x 1 -> 92 x 92 x 8, and half of that after pooling: 46 x 46 x 8
    *conv_pool(8, 16, 3),  # 22 x 22 x 16
    *conv_pool(16, 32, 3),  # 10 x 10 x 32
    nn.Flatten(),
    nn.Dense(10 * 10 * 32, 100, rng=rng),
    nn.ReLU(),
    nn.Dense(100, 30, rng=rng),  # x and y of 15 points
)
model.layers[-1].params["bias"][:] = mean_answer  # what is left to learn is how each face differs
loss = nn.MSELoss()  # leaves missing labels out
optimizer = nn.Adam(model, lr=0.001)


def error_px(prediction: np.ndarray) -> float:
    """Root mean squared error on the held-out faces; 48: y goes from -1 to 1 over 96 pixels."""
    return 48 * float(np.sqrt(np.nanmean((prediction - held_out_y) ** 2)))


print(f"the mean answer for every face: {error_px(mean_answer):.2f} px")
for epoch in range(1, 11):
    for rows in np.array_split(rng.permutation(len(x)), 20):  # 50 faces per step
        loss.forward(model.forward(x[rows], training=True), y[rows])
        model.backward(loss.backward())  # the gradient dL/dw of every weight w, from the last layer to the first
        optimizer.step()  # moves every weight a little, so that the loss L falls
    print(f"epoch {epoch:2}: {error_px(model.predict(held_out_x)):.2f} px")
