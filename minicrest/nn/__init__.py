"""Hand-written networks: every layer states its own derivatives, first and second."""

from minicrest.nn.chain import Residual, Sequential
from minicrest.nn.conv import Conv2d
from minicrest.nn.layer import Layer
from minicrest.nn.layers import Flatten, Linear, ReLU, Tanh
from minicrest.nn.losses import GeneralizedCrossEntropy, LogisticLoss, Loss, SoftmaxCrossEntropy, SquaredError
from minicrest.nn.network import Answers, Network, Pass, Step
from minicrest.nn.norm import BatchNorm2d
from minicrest.nn.pool import AvgPool2d, MaxPool2d
from minicrest.nn.zoo import lenet, mlp, resnet, resnet20

__all__ = [
    "Answers", "AvgPool2d", "BatchNorm2d", "Conv2d", "Flatten", "GeneralizedCrossEntropy", "Layer", "Linear",
    "LogisticLoss", "Loss", "MaxPool2d", "Network", "Pass", "ReLU", "Residual", "Sequential", "SoftmaxCrossEntropy",
    "SquaredError", "Step", "Tanh", "lenet", "mlp", "resnet", "resnet20",
]  # fmt: skip
