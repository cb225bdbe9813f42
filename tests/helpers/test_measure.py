"""What models cost, and the bar that training shows."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from helpers.measure import best_seconds, count_parameters
from helpers.progress import progress

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])


def test_networks_linear_models_and_forests_are_counted():
    assert count_parameters(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))) == 3 * 4 + 4 + 4 * 2 + 2
    assert count_parameters(LogisticRegression().fit(X, Y)) == 3 * 2 + 3
    stumps = RandomForestClassifier(n_estimators=1, max_depth=1, bootstrap=False, random_state=0).fit(X, Y)
    assert count_parameters(stumps) == 2 + 2 * 3, "one split, two leaves of three shares"
    with pytest.raises(TypeError, match="KNeighborsClassifier"):
        count_parameters(KNeighborsClassifier())


def test_the_best_of_some_runs_is_timed():
    calls = []
    assert 0 <= best_seconds(lambda: calls.append(1), repeats=4) < 0.1
    assert len(calls) == 4


def test_a_bar_passes_the_epochs_on_and_is_silent_while_grading(monkeypatch, capsys):
    monkeypatch.setenv("LAB_BUDGET", "grade")
    assert list(progress(range(3), "training")) == [0, 1, 2]
    assert capsys.readouterr() == ("", "")


def test_a_bar_writes_no_errors(capsys):
    assert list(progress(range(3), "training")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
