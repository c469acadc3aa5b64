"""A program for another interpreter: clean spectra with scikit-learn's PCA or FastICA.

    PYTHON run_sklearn.py IN.npy OUT.npy pca|ica MODES

IN and OUT are arrays (frequency, l, m).
"""

import sys

import numpy as np
from sklearn.decomposition import PCA, FastICA  # type: ignore[import-not-found,unused-ignore]

SETTINGS = {"pca": {}, "ica": {"max_iter": 2000, "tol": 1e-4, "random_state": 0, "whiten": "unit-variance"}}
given, wanted, name, modes = sys.argv[1:]
cube = np.load(given)
spectra = cube.reshape(len(cube), -1).T  # a pixel is a sample, a channel a feature
model = {"pca": PCA, "ica": FastICA}[name](int(modes), **SETTINGS[name])
smooth = model.inverse_transform(model.fit_transform(spectra))
np.save(wanted, (spectra - smooth).T.reshape(cube.shape))
