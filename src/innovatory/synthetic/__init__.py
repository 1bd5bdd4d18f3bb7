"""Made-up corpora, plainly marked; none of it is about a real place."""

from innovatory.synthetic.generator import SyntheticCorpus, corpus, published_page

__all__ = ["SyntheticCorpus", "corpus", "published_page"]
