"""The package behind the workbook: shapes, kernels, operations by hand, data, plots, exercises and widgets."""

__version__ = "0.1.0"
