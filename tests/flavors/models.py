"""Models of scikit-learn as people make them, each with data to predict for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

CANCER = datasets.load_breast_cancer()
X, Y = CANCER.data[:300], CANCER.target[:300]
IRIS = datasets.load_iris(as_frame=True)
DIABETES = datasets.load_diabetes()

Made = tuple[Any, Any]


def _of_frame() -> Made:
    frame = pd.DataFrame({"size": X[:, 0], "shape": np.where(X[:, 1] > 18, "round", "oval"), "seen": X[:, 2]})
    columns = ColumnTransformer(
        [("words", OneHotEncoder(), ["shape"]), ("numbers", StandardScaler(), ["size", "seen"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame, Y), frame.head(20)


def _of_categories() -> Made:
    frame = pd.DataFrame({"size": X[:, 0], "shape": pd.Categorical(np.where(X[:, 1] > 18, "round", "oval"))})
    model = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    return model.fit(frame, Y), frame.head(20)


def _of_texts() -> Made:
    texts = ["late and broken", "works well", "broken on arrival", "well made, works"] * 5
    return make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, [0, 1, 0, 1] * 5), texts[:4]


def _fit(model: Any) -> Callable[[], Made]:
    return lambda: (model.fit(X, Y), X[:20])


def _regressor(model: Any) -> Callable[[], Made]:
    return lambda: (model.fit(DIABETES.data, DIABETES.target), DIABETES.data[:20])


def _of_three(model: Any) -> Callable[[], Made]:
    return lambda: (model.fit(IRIS.data, IRIS.target), IRIS.data.head(20))


MODELS: dict[str, Callable[[], Made]] = {
    "logistic regression": _fit(LogisticRegression(solver="liblinear")),
    "pipeline": _fit(make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression())),
    "columns": _of_frame,
    "texts": _of_texts,
    "tree": _fit(DecisionTreeClassifier(max_leaf_nodes=7)),
    "pruned tree": _regressor(DecisionTreeRegressor(ccp_alpha=50.0)),
    "random forest": _of_three(RandomForestClassifier(10)),
    "random forest, two outputs": lambda: (
        RandomForestRegressor(5).fit(DIABETES.data[:, 2:], DIABETES.data[:, :2]),
        DIABETES.data[:20, 2:],
    ),
    "extra trees": _regressor(ExtraTreesRegressor(5)),
    "boosting, two classes": _fit(GradientBoostingClassifier(n_estimators=5)),
    "boosting, three classes": _of_three(GradientBoostingClassifier(n_estimators=5)),
    "boosting, from zero": _of_three(GradientBoostingClassifier(n_estimators=5, init="zero")),
    "boosting, numbers": _regressor(GradientBoostingRegressor(n_estimators=5, loss="quantile")),
    "histogram boosting": _of_three(HistGradientBoostingClassifier(max_iter=5)),
    "histogram boosting, numbers": _regressor(HistGradientBoostingRegressor(max_iter=5, early_stopping=True)),
    "histogram boosting, categories": _of_categories,
    "isolation forest": _fit(IsolationForest(n_estimators=5, max_features=0.5)),
    "AdaBoost": _fit(AdaBoostClassifier(n_estimators=3)),
    "bagging": _fit(BaggingClassifier(n_estimators=3)),
    "voting": _fit(VotingClassifier([("bayes", SGDClassifier()), ("tree", DecisionTreeClassifier())])),
    "stacking": _fit(StackingClassifier([("svm", LinearSVC()), ("tree", DecisionTreeClassifier())], cv=2)),
    "calibrated": _fit(CalibratedClassifierCV(DecisionTreeClassifier(), cv=2)),
    "neighbors, k-d tree": _fit(KNeighborsClassifier(algorithm="kd_tree")),
    "neighbors, ball tree": _fit(KNeighborsRegressor(algorithm="ball_tree", metric="canberra")),
    "neighbors": _fit(KNeighborsClassifier()),
    "neural network": _fit(MLPClassifier((8,), max_iter=5)),
    "SVM": _of_three(SVC()),
    "SVM, precomputed": lambda: (SVC(kernel="precomputed").fit(X[:50] @ X[:50].T, Y[:50]), X[:20] @ X[:50].T),
    "SVM, numbers": _regressor(SVR()),
    "SVM, one class": _fit(OneClassSVM()),
    "linear SVM": _fit(LinearSVC()),
    "gaussian process": _regressor(GaussianProcessRegressor(RBF() + WhiteKernel(), optimizer=None)),
    "search": _fit(GridSearchCV(LogisticRegression(solver="liblinear"), {"C": [0.1, 1.0]}, cv=2)),
    "selection": _fit(make_pipeline(SelectKBest(k=5), Ridge())),
    "k-means": _fit(KMeans(3, n_init=1)),
}


def make(name: str) -> Made:
    """A fitted model and some of its data. Numbers do not converge in a few rounds, which is no matter here."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MODELS[name]()
