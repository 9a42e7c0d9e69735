"""The thin layer over the job engine: ask, watch, cancel."""
