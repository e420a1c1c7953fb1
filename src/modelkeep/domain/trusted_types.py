"""The types of scikit-learn, numpy and scipy that are trusted besides those that skops trusts by default.

Each was read for what its `__setstate__` and its methods do with data from a file: they are plain Python objects, or
`bounds` checks what they hold. Not here, on purpose: `scipy.interpolate.BSpline` and the metrics with matrices of their
own (Mahalanobis, SEuclidean), whose C code believes its arrays, and anything that calls a function by its name.
"""

from __future__ import annotations

TREES = ("sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor")
NEIGHBOR_TREES = tuple(
    f"sklearn.neighbors.{module}.{name}{bits}"
    for module, name in (("_kd_tree", "KDTree"), ("_ball_tree", "BallTree"))
    for bits in ("", "64", "32")
)
# Metrics that read nothing but the two points they are given.
PLAIN_METRICS = frozenset(
    [
        "BrayCurtis",
        "Canberra",
        "Chebyshev",
        "Dice",
        "Euclidean",
        "Hamming",
        "Haversine",
        "Jaccard",
        "Manhattan",
        "Minkowski",
        "RogersTanimoto",
        "RussellRao",
        "SokalMichener",
        "SokalSneath",
    ]
)
METRICS = tuple(f"sklearn.metrics._dist_metrics.{name}Distance{bits}" for name in PLAIN_METRICS for bits in (64, 32))

_PLAIN = {
    # Calls only what is trusted itself.
    "functools": ("partial",),
    "numpy": ("dtype",),
    "sklearn.calibration": ("_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"),
    "sklearn.feature_selection._mutual_info": ("mutual_info_classif", "mutual_info_regression"),
    "sklearn.feature_selection._univariate_selection": (
        "chi2",
        "f_classif",
        "f_oneway",
        "f_regression",
        "r_regression",
    ),
    "sklearn.gaussian_process._gpc": ("_BinaryGaussianProcessClassifierLaplace",),
    "sklearn.gaussian_process.kernels": (
        "CompoundKernel",
        "ConstantKernel",
        "DotProduct",
        "ExpSineSquared",
        "Exponentiation",
        "Hyperparameter",
        "Matern",
        "Product",
        "RBF",
        "RationalQuadratic",
        "Sum",
        "WhiteKernel",
    ),
    "sklearn.metrics._scorer": ("_PassthroughScorer",),
    "sklearn.model_selection._split": (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "LeaveOneGroupOut",
        "LeaveOneOut",
        "RepeatedKFold",
        "RepeatedStratifiedKFold",
        "ShuffleSplit",
        "StratifiedGroupKFold",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
        "TimeSeriesSplit",
    ),
    "sklearn.neural_network._stochastic_optimizers": ("AdamOptimizer", "SGDOptimizer"),
    "sklearn.utils._bunch": ("Bunch",),
    "sklearn.utils.validation": ("check_array",),
}

OURS: frozenset[str] = frozenset(
    {f"{module}.{name}" for module, names in _PLAIN.items() for name in names} | {*TREES, *NEIGHBOR_TREES, *METRICS}
)
# Of LightGBM's scikit-learn models.
LIGHTGBM = (
    "lightgbm.basic.Booster",
    "collections.OrderedDict",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMModel",
    "lightgbm.sklearn.LGBMRanker",
    "lightgbm.sklearn.LGBMRegressor",
)
