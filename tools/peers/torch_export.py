"""Writes PyTorch's own ONNX export of torchvision models, the files that compare.mjs takes as --exports.

usage: torch_export.py FOLDER MODEL...
Writes FOLDER/torch-MODEL.onnx, batch 1, 3x224x224, opset 17, random weights. Needs: pip install torch torchvision onnx.
"""
import sys
import torch
from torch_peer import torchvision_models

folder, *models = sys.argv[1:]
library = torchvision_models()
for model in models:
    torch.manual_seed(0)
    network = getattr(library, model)(weights=None).eval()
    torch.onnx.export(network, torch.randn(1, 3, 224, 224), f"{folder}/torch-{model}.onnx", opset_version=17, dynamo=False, input_names=["x"], output_names=["y"])
    print(model)
