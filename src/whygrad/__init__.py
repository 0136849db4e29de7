"""whygrad: backpropagation you can open."""
