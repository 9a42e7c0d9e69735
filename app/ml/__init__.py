"""The only package that imports torch and fastai: paths and arrays in, arrays and files out."""

import os
import warnings

# OpenMP's spinning threads starve each other as soon as anything else runs on the machine (measured: two threads
# slower than one). The library reads this once, when torch loads it, so it has to be said before that.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# fastai scripts a function when it is imported, which torch deprecates: nothing that a person could act on.
warnings.filterwarnings("ignore", message=r"`torch\.jit\.script` is deprecated")
