"""A program for another interpreter: MONAI's sliding window with a network of Tessellar's, once a line it is sent.

    PYTHON run_monai.py WEIGHTS IN.npy OUT.npy SIDE OVERLAP PRECISION THREADS

IN is an array (frequency, l, m) in units of the noise; OUT holds the raw answers, (head, frequency, l, m). A line on
standard input starts a run, a line on standard output ends it.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from monai.inferers import sliding_window_inference  # type: ignore[import-not-found,unused-ignore]

from tessellar.kernels.network.design import design_of
from tessellar.kernels.network.runner import as_tensors
from tessellar.kernels.network.weights import read_card, read_weights

file, given, wanted, side, overlap, precision, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
card = read_card(Path(file))
network = design_of(card, Path(file)).network(as_tensors(read_weights(Path(file), card), "cpu"))
cube = torch.from_numpy(np.load(given))[None, None]
window = tuple(min(int(side), n) for n in cube.shape[2:])
print("ready", flush=True)
for _ in sys.stdin:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        answer = sliding_window_inference(cube, window, 1, network, overlap=float(overlap), mode="gaussian")
    np.save(wanted, answer[0].float().numpy())
    print("done", flush=True)
