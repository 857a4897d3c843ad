"""Small networks of courses and books, against what NumPy by hand gives."""

import numpy as np

import minigrad as mg
from minigrad import nn

# The 2-3-2-2 network, with weights as courses write them: (in, out).
X = np.array([[1.0, 0.5]])
W1, B1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])
W2, B2 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])
W3, B3 = np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand():
    return sigmoid(sigmoid(X @ W1 + B1) @ W2 + B2) @ W3 + B3


def test_matrix_products_of_the_first_chapter():
    w = mg.tensor([[1, 3, 5], [2, 4, 6]])
    np.testing.assert_array_equal(np.dot(mg.tensor([1, 2]), w).data, [5, 11, 17])
    a, b = np.arange(1.0, 7).reshape(2, 3), np.arange(1.0, 7).reshape(3, 2)
    np.testing.assert_array_equal((mg.tensor(a) @ b).data, [[22, 28], [49, 64]])


def test_the_first_network_by_numpy_functions_on_tensors():
    w1, w2, w3 = (mg.tensor(w, requires_grad=True) for w in (W1, W2, W3))
    out = sigmoid(sigmoid(X @ w1 + B1) @ w2 + B2) @ w3 + B3
    np.testing.assert_array_equal(out.data, by_hand())
    np.testing.assert_allclose(out.data, [[0.31682708, 0.69627909]], atol=5e-9)
    out.sum().backward()
    assert all(w.grad.shape == w.shape for w in (w1, w2, w3))


def test_the_first_network_by_modules():
    model = nn.Sequential(
        nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 2), nn.Sigmoid(), nn.Linear(2, 2)
    ).to(np.float64)
    model.load_state_dict(
        {"0.weight": W1.T, "0.bias": B1, "2.weight": W2.T, "2.bias": B2, "4.weight": W3.T,
         "4.bias": B3}
    )  # fmt: skip
    np.testing.assert_allclose(model(X).data, by_hand(), rtol=1e-15)


def test_a_perceptron_learns_no_xor_but_one_hidden_layer_does():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
    y = np.array([0, 1, 1, 0])
    right = {}
    for name, layers in {
        "perceptron": [nn.Linear(2, 2, rng=0)],
        "hidden layer": [nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1)],
    }.items():
        model, loss = nn.Sequential(*layers), nn.CrossEntropyLoss()
        optimizer = mg.optim.Adam(model.parameters(), lr=0.1)
        for _ in range(200):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
        right[name] = int((model(x).argmax(axis=1) == y).sum())
    assert right["perceptron"] < 4
    assert right["hidden layer"] == 4


def test_backpropagation_gives_the_numerical_gradient_of_a_whole_network():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(6, 5, rng=0), nn.Sigmoid(), nn.Linear(5, 3, rng=1))
    model = nn.Sequential(*model, nn.Sigmoid()).to(np.float64)
    x, t = rng.random((1, 6)), np.array([[0.01, 0.99, 0.01]])
    loss = nn.BCELoss(reduction="sum")
    loss(model(x), t).backward()
    h = 1e-4
    with mg.no_grad():
        for parameter in model.parameters():
            for index in np.ndindex(parameter.shape):
                value = parameter.data[index]
                parameter.data[index] = value + h
                above = loss(model(x), t).item()
                parameter.data[index] = value - h
                below = loss(model(x), t).item()
                parameter.data[index] = value
                assert abs((above - below) / (2 * h) - parameter.grad[index]) < 1e-7
