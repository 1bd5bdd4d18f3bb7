"""A sentence encoder that somebody has on disk, as a further view of the texts.

It is never a default: take it where the cross-validated score with it is better than without.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from innovatory.errors import ObservatoryError

Array = NDArray[np.float64]


class Encoder(Protocol):
    """Anything that turns texts into vectors; `id` says which one it is, version included."""

    @property
    def id(self) -> str: ...

    def encode(self, texts: Sequence[str], /) -> Any: ...


class SentenceEncoder:
    """A folder in the layout of sentence-transformers (safetensors or ONNX), read offline.

    Raises ObservatoryError where the folder or the optional library is missing.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ObservatoryError(
                f"{folder}: no such folder; give that of an encoder on this disk"
            )
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ObservatoryError(
                f"{folder}: needs the library sentence-transformers, which is not installed; "
                "'pip install sentence-transformers', or build without an encoder"
            ) from error
        onnx = any(folder.rglob("*.onnx")) and not any(folder.rglob("*.safetensors"))
        backend = "onnx" if onnx else "torch"
        self._model = SentenceTransformer(str(folder), local_files_only=True, backend=backend)
        self.id = folder.name

    def encode(self, texts: Sequence[str], /) -> Any:
        """Vectors (texts, dimensions)."""
        return self._model.encode(list(texts), show_progress_bar=False)


def encoded(encoder: Encoder, texts: Sequence[str]) -> Array:
    """An encoder's vectors, rows of length 1; ObservatoryError where they cannot be that."""
    vectors = np.asarray(encoder.encode(texts), dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(texts) or not np.isfinite(vectors).all():
        raise ObservatoryError(
            f"encoder {encoder.id}: gave an array of shape {vectors.shape} for {len(texts)} texts, "
            "or numbers that are not finite; use another encoder"
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 1e-12, lengths, 1.0)
