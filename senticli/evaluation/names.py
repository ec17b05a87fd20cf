"""The names of measures, and what people call them. No numpy is needed for these."""

TITLES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_f1": "macro F1",
    "f1": "F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}
"""What people call measures whose names say it otherwise."""
LOWER_IS_BETTER = ("loss", "brier", "calibration_error")
UNBOUNDED = ("loss", "brier")
"""Those that are no share from 0 to 1."""


def title_of(name: str) -> str:
    """Return what people call a measure; of one of a label, such as ``recall.negative``, too."""
    measure, _, label = name.partition(".")
    title = TITLES.get(measure, measure)
    return f"{title} of {label}" if label else title
