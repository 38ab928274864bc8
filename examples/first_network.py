"""A first network, and all of its training in one loop.

It learns to find 15 points in drawn pictures of faces.

python examples/first_network.py
"""

import numpy as np

import nnscratch as nn
from nnscratch.keypoints.drawn.faces import draw_faces

faces = draw_faces(1200, seed=0)
x, y = faces.x[:1000], faces.y[:1000]  # (1000, 96, 96, 1) pixels from 0 to 1; (1000, 30) coordinates from -1 to 1
held_out_x, held_out_y = faces.x[1000:], faces.y[1000:]  # never trained on: what was learnt, not what was memorised
mean_answer = np.nanmean(y, axis=0)  # missing labels are NaN

rng = np.random.default_rng(0)


def stage(c_in: int, c_out: int, kernel_size: int) -> list[nn.Layer]:
    return [nn.Conv2D(c_in, c_out, kernel_size, rng=rng), nn.ReLU(), nn.MaxPool2D(2)]


model = nn.Sequential(
    *stage(1, 8, 5),  # 46 x 46 x 8
    *stage(8, 16, 3),  # 22 x 22 x 16
    *stage(16, 32, 3),  # 10 x 10 x 32
    nn.Flatten(),
    nn.Dense(10 * 10 * 32, 100, rng=rng),
    nn.ReLU(),
    nn.Dense(100, 30, rng=rng),  # x and y of 15 points
)
model.layers[-1].params["bias"][:] = mean_answer  # what is left to learn is how each face differs
loss = nn.MSELoss()
optimizer = nn.Adam(model, lr=0.001)


def error_px(prediction: np.ndarray) -> float:
    """Root mean squared error on the held-out faces: coordinates of 0 and 1 are 48 pixels apart."""
    return 48 * float(np.sqrt(np.nanmean((prediction - held_out_y) ** 2)))


print(f"the mean answer for every face: {error_px(mean_answer):.2f} px")
for epoch in range(1, 11):
    for rows in np.array_split(rng.permutation(len(x)), 20):  # 50 faces per step
        loss.forward(model.forward(x[rows], training=True), y[rows])
        model.backward(loss.backward())  # dL/dw of every weight w, from the last layer to the first
        optimizer.step()  # moves every weight a little, against its gradient
    print(f"epoch {epoch:2}: {error_px(model.predict(held_out_x)):.2f} px")
