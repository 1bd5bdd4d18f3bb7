"""The machine coder's encoding of a corpus as a table, so that it can be kept between builds.

Encoding a corpus takes longer than training one question on it, and a new coding leaves the
corpus as it was. Numbers stand in one column, the pieces one after another; what they are is in
the metadata of the table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from innovatory import coder

_HEAD = b"innovatory.encoding"


def packed(features: coder.Features) -> pa.Table:
    """An encoded corpus as a table of one column; `unpacked` gives the same back."""
    encoding = features.encoding
    pieces: list[tuple[str, NDArray[Any]]] = [
        ("idf", encoding.vocabulary.idf), ("components", encoding.components),
        ("means", encoding.facts.means), ("deviations", encoding.facts.deviations),
        ("scales", np.array(encoding.scales)),
    ]  # fmt: skip
    sparse = {}
    for name, view in features.views.items():
        if hasattr(view, "indptr"):
            sparse[name] = view.shape
            parts = {"data": view.data, "indices": view.indices, "indptr": view.indptr}
        else:
            parts = {"": view}
        pieces += [(f"{name}.{part}", values) for part, values in parts.items()]
    head = {
        "seed": features.seed, "key": features.key, "views": list(features.views),
        "names": encoding.vocabulary.names, "columns": dict(encoding.facts.columns),
        "sparse": sparse, "shapes": {name: values.shape for name, values in pieces},
    }  # fmt: skip
    # Places in a matrix are whole numbers far below 2^53, which a double holds exactly.
    column = np.concatenate([np.asarray(values, np.float64).ravel() for _, values in pieces])
    return pa.table({"value": column}).replace_schema_metadata({_HEAD: json.dumps(head)})


def unpacked(table: pa.Table, record_ids: Sequence[str]) -> coder.Features:
    """The encoded corpus of these records from the table that `packed` made of it."""
    from scipy.sparse import csr_matrix

    from innovatory.coder.encoding import Encoding, Facts, Features
    from innovatory.coder.vocabulary import Vocabulary

    head = json.loads(table.schema.metadata[_HEAD])
    piece = dict(_pieces(table, head["shapes"]))
    views: dict[str, Any] = {}
    for name in head["views"]:
        if name in head["sparse"]:
            places = (piece[f"{name}.{part}"].astype(np.int32) for part in ("indices", "indptr"))
            views[name] = csr_matrix((piece[f"{name}.data"], *places), shape=head["sparse"][name])
        else:
            views[name] = piece[f"{name}."]
    encoding = Encoding(
        Vocabulary(tuple(head["names"]), piece["idf"]),
        piece["components"],
        Facts(head["columns"], piece["means"], piece["deviations"]),
        tuple(piece["scales"].tolist()),
    )
    return Features(tuple(record_ids), encoding, views, head["seed"], head["key"])


def _pieces(
    table: pa.Table, shapes: dict[str, list[int]]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    values, start = table["value"].to_numpy(), 0
    for name, shape in shapes.items():
        end = start + int(np.prod(shape))
        yield name, values[start:end].reshape(shape)
        start = end
