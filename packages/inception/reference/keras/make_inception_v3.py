"""Writes ../parity/keras-inception_v3.json: keras.applications.InceptionV3 with the fixtures' deterministic weights.

Made with keras 3.15.1 on tensorflow 2.21.0 (CPU). Weights are filled by the rule of the parity fixtures under torchvision's
names: Keras creates its convolutions in torchvision's order, and its batch norms have no gamma.
"""
import json, os
import numpy as np
import keras

SIDE = 96


def stream(name, count):
    """2u - 1 of mulberry32, seeded by the FNV-1a hash of the name."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    u32 = np.uint32
    with np.errstate(over="ignore"):
        a = u32(seed) + np.arange(1, count + 1, dtype=np.uint32) * u32(0x6D2B79F5)
        t = (a ^ (a >> u32(15))) * (a | u32(1))
        t ^= t + (t ^ (t >> u32(7))) * (t | u32(61))
        return (t ^ (t >> u32(14))).astype(np.float64) / 4294967296


def fill(name, shape):
    """A tensor in torch's layout."""
    u = stream(name, int(np.prod(shape)))
    if len(shape) > 1:
        values = (2 * u - 1) * np.sqrt(6 / np.prod(shape[1:]))
    elif name.endswith(("bias", "running_mean")):
        values = (2 * u - 1) * 0.1
    else:
        values = 0.75 + 0.5 * u
    return values.reshape(shape).astype(np.float32)


def number(layer):
    digits = layer.name.rsplit("_", 1)[-1]
    return int(digits) if digits.isdigit() else 0


# torchvision's modules in order, from its fixture.
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "../parity/torchvision-inception_v3.json")) as file:
    modules = [name[: -len(".conv.weight")] for name, _ in json.load(file)["params"] if name.endswith(".conv.weight")]

model = keras.applications.InceptionV3(weights=None, input_shape=(SIDE, SIDE, 3), classifier_activation=None)
convolutions = sorted((l for l in model.layers if isinstance(l, keras.layers.Conv2D)), key=number)
norms = sorted((l for l in model.layers if isinstance(l, keras.layers.BatchNormalization)), key=number)
assert len(convolutions) == len(norms) == len(modules)

params = []


def torch_tensor(name, shape):
    params.append([name, list(shape)])
    return fill(name, shape)


for module, conv, norm in zip(modules, convolutions, norms):
    kh, kw, inputs, outputs = conv.kernel.shape
    conv.set_weights([torch_tensor(f"{module}.conv.weight", (outputs, inputs, kh, kw)).transpose(2, 3, 1, 0)])
    assert [w.name for w in norm.weights] == ["beta", "moving_mean", "moving_variance"] and norm.epsilon == 1e-3
    norm.set_weights([torch_tensor(f"{module}.bn.{part}", (outputs,)) for part in ("bias", "running_mean", "running_var")])
classifier = model.layers[-1]
inputs, outputs = classifier.kernel.shape
classifier.set_weights([torch_tensor("fc.weight", (outputs, inputs)).T, torch_tensor("fc.bias", (outputs,))])

image = (2 * stream("input", 3 * SIDE * SIDE) - 1).astype(np.float32).reshape(1, 3, SIDE, SIDE)
output = model.predict(image.transpose(0, 2, 3, 1), verbose=0)[0].astype(np.float64)

fixture = {
    "format": "parity-infer/1",
    "model": "InceptionV3",
    "source": f"keras {keras.__version__}, tensorflow 2.21.0",
    "entry": {"module": "keras.applications", "constructor": "InceptionV3", "kwargs": {"weights": None, "classifier_activation": None}},
    "input_shape": [1, 3, SIDE, SIDE],
    "params": params,
    "trainable_params": int(sum(np.prod(w.shape) for w in model.trainable_weights)),
    "output": {"shape": [1, len(output)], "first": [float(f"{x:.9g}") for x in output[:16]], "l2": float(f"{np.linalg.norm(output):.9g}")},
    "trace": [],
}
with open(os.path.join(here, "../parity/keras-inception_v3.json"), "w") as file:
    json.dump(fixture, file)
    file.write("\n")
print(fixture["trainable_params"], fixture["output"])
