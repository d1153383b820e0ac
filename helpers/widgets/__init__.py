"""The widgets of the workbook. Each loads when it is first asked for."""

from importlib import import_module

_MODULES = {
    "KernelLab": "kernel_lab",
    "OptimizerRace": "optimizer_race",
    "Prediction": "prediction",
    "EquivarianceMeter": "equivariance",
    "ActivationExplorer": "activation_explorer",
    "LineFitter": "line_fitter",
    "SetupCheck": "setup_check",
    "DataPanel": "data_panel",
    "PictureShifter": "picture_shifter",
    "SeriesMap": "series_map",
    "WindowWalker": "window_walker",
    "LayerStack": "layer_stack",
    "AxesExplorer": "axes_explorer",
    "ModuleTree": "module_tree",
    "LiveTraining": "live_training",
    "DrawDigit": "draw_digit",
}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> type:
    if name not in _MODULES:
        raise AttributeError(f"helpers.widgets has no {name!r}; it has {', '.join(__all__)}.")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
