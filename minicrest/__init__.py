"""minicrest: data-efficient training from first principles, on NumPy or, unchanged, on CuPy."""

__version__ = "0.1.0"
