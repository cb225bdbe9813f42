"""Features in the plane: by PCA, by t-SNE, and by UMAP where it is installed."""

from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .budget import budget_name

SEED = 42
WITHOUT_UMAP = "UMAP is not installed, so its panel is left out: pip install umap-learn adds it"


def umap_is_there() -> bool:
    """Say whether UMAP can be had; in the `grade` budget it is never asked for."""
    return budget_name() != "grade" and find_spec("umap") is not None


def project(features: ArrayLike, iterations: int = 1000) -> dict[str, NDArray[np.floating[Any]]]:
    """Lay out features in the plane in up to three ways.

    Parameters
    ----------
    features : array, shape (n, d)
        n at least 5.
    iterations : int
        Of t-SNE, at least 250.

    Returns
    -------
    dict
        "PCA", "t-SNE" and, where `umap_is_there`, "UMAP" → array of shape (n, 2). Each from the same standardised
        features, with a fixed seed.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.preprocessing import StandardScaler

    X = StandardScaler().fit_transform(np.asarray(features, dtype=np.float32))
    perplexity = min(30.0, (len(X) - 1) / 3)
    planes = {
        "PCA": PCA(2, random_state=SEED).fit_transform(X),
        # PCA to 50 dimensions first takes noise out, and most of the time.
        "t-SNE": TSNE(perplexity=perplexity, max_iter=iterations, init="pca", random_state=SEED).fit_transform(
            PCA(min(50, *X.shape), random_state=SEED).fit_transform(X)
        ),
    }
    if umap_is_there():
        import umap  # an optional extra, which takes seconds to import

        planes["UMAP"] = umap.UMAP(n_neighbors=min(15, len(X) - 1), random_state=SEED, n_jobs=1).fit_transform(X)
    return planes
