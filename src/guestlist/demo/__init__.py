"""The demo: an imaginary shop, a simulated Meta, and the product's own commands."""
