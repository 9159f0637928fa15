"""Times PyTorch on one network, as the peer to compare with in the same run.

usage: torch_peer.py MODEL --task infer|train --batch N --size PX --threads T --mode eager|channels_last|compile --runs R|--turns
MODEL: any torchvision classification model, resnet20 (the CIFAR form, projection shortcuts without batch norm) or mobilenet_v2_cifar.
Prints one JSON line: every run's milliseconds after warm-up. With --turns it says that it is ready, and answers every line of its input, a number
of steps, with their milliseconds, behind one step that is not timed.
Needs: pip install torch torchvision (CPU builds do).
"""
import argparse, json, sys, time
import torch, torch.nn as nn, torch.nn.functional as F



def torchvision_models():
    """torchvision.models, also where torchvision's compiled operators do not match this torch (its models need none of them)."""
    import importlib, re, sys
    global OPS
    OPS = torch.library.Library("torchvision", "FRAGMENT")
    for _ in range(20):
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as e:
            missing = re.search(r"torchvision::(\w+) does not exist", str(e))
            if not missing:
                raise
            OPS.define(f"{missing[1]}(Tensor a, Tensor b, float c) -> Tensor")
            for name in [n for n in sys.modules if n.startswith("torchvision")]:
                del sys.modules[name]
    raise SystemExit("torchvision does not import")


class Basic(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(cin, cout, 3, stride, 1, bias=False); self.bn1 = nn.BatchNorm2d(cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, 1, 1, bias=False); self.bn2 = nn.BatchNorm2d(cout)
        self.short = nn.Conv2d(cin, cout, 1, stride, bias=False) if stride != 1 else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.short(x))


def resnet20(num_classes=10):
    plan = [(16, 16, 1)] * 3 + [(16, 32, 2), (32, 32, 1), (32, 32, 1)] + [(32, 64, 2), (64, 64, 1), (64, 64, 1)]
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), *[Basic(*p) for p in plan],
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, num_classes))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model"); p.add_argument("--task", default="infer"); p.add_argument("--batch", type=int, default=1)
    p.add_argument("--size", type=int, default=224); p.add_argument("--threads", type=int, default=2)
    p.add_argument("--mode", default="channels_last"); p.add_argument("--runs", type=int, default=15); p.add_argument("--warmup", type=int, default=3); p.add_argument("--turns", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(a.threads); torch.manual_seed(0)
    if a.model == "resnet20":
        model = resnet20()
    elif a.model == "mobilenet_v2_cifar":  # stride 1 in the first convolution and in the second stage, as is usual at 32x32
        stages = [[1, 16, 1, 1], [6, 24, 2, 1], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
        model = torchvision_models().mobilenet_v2(weights=None, num_classes=10, inverted_residual_setting=stages)
        model.features[0][0].stride = (1, 1)
    else:
        tv = torchvision_models()
        kw = {"init_weights": False, "aux_logits": False} if a.model in ("googlenet", "inception_v3") else {}
        model = getattr(tv, a.model)(weights=None, **kw)
    x = torch.randn(a.batch, 3, a.size, a.size)
    if a.mode in ("channels_last", "compile"):
        model = model.to(memory_format=torch.channels_last); x = x.to(memory_format=torch.channels_last)
    if a.task == "infer":
        model.eval()
        run_model = torch.compile(model) if a.mode == "compile" else model

        def step():
            with torch.inference_mode():
                run_model(x)
    else:
        model.train()
        run_model = torch.compile(model) if a.mode == "compile" else model
        classes = run_model(x).shape[-1]
        y = torch.arange(a.batch) % classes
        opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

        def step():
            opt.zero_grad(set_to_none=True); F.cross_entropy(run_model(x), y).backward(); opt.step()
    for _ in range(a.warmup):
        step()

    def timed(count):
        ms = []
        for _ in range(count):
            t = time.perf_counter(); step(); ms.append(round((time.perf_counter() - t) * 1e3, 3))
        return ms

    what = {"peer": f"torch {torch.__version__} {a.mode}", "model": a.model, "task": a.task, "batch": a.batch, "size": a.size, "threads": a.threads}
    if a.turns:
        print(json.dumps({"ready": what}), flush=True)
        for line in sys.stdin:
            step()
            print(json.dumps({"ms": timed(int(line))}), flush=True)
    else:
        ms = timed(a.runs)
        print(json.dumps({**what, "median_ms": sorted(ms)[len(ms) // 2], "ms": ms}))


if __name__ == "__main__":
    main()
