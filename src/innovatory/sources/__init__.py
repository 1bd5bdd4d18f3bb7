"""Readers: from the files of a source to facts for the ledger, row by row.

    descriptor = describe(Path("my-projects"))
    for file in descriptor.files:
        for item in read(file, descriptor=descriptor):
            ...                                        # a Row with its fact, or a Reject

A reader turns what a file says into the nouns of `records`. It never judges what they mean:
which city a place is and which classes a codebook has, later rooms say.
"""

from innovatory.sources.descriptor import Descriptor, describe
from innovatory.sources.proposal import propose_mapping
from innovatory.sources.reader import Reader
from innovatory.sources.registry import READERS, read

__all__ = ["READERS", "Descriptor", "Reader", "describe", "propose_mapping", "read"]
