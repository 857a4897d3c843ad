"""How gradients flow through a model: norms, dead units, the first fault."""
