"""The only package that imports torch and fastai: paths and arrays in, arrays and files out."""

import os
import warnings

# OpenMP's threads wait in busy loops and block each other when another process runs (measured: two threads
# are slower than one). OpenMP reads this setting when torch loads it, so it is set before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# fastai uses a deprecated function of torch when it is imported; users cannot change that.
warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated")
