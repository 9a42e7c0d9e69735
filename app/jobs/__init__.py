"""Jobs: request, watch and cancel them; the layer above the job engine."""
