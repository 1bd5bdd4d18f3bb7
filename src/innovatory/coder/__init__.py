"""The machine coder: learns from what coders said what the rest of the records probably are.

    corpus -> features -> predict -> answer, explain
                       -> model   -> classify

Every number depends on tables, labels and a seed alone.
"""

from innovatory.coder.classification import classify
from innovatory.coder.corpora import Corpus, corpus
from innovatory.coder.encoder import Encoder, SentenceEncoder
from innovatory.coder.encoding import Features, features
from innovatory.coder.examples import Examples, Labels, examples
from innovatory.coder.explanation import Passage, explain
from innovatory.coder.linear import Model, model
from innovatory.coder.predictions import Predictions, answer, predict
from innovatory.coder.questions import Question, question
from innovatory.coder.scores import Score, score

__all__ = [
    "Corpus", "Encoder", "Examples", "Features", "Labels", "Model", "Passage", "Predictions",
    "Question", "Score", "SentenceEncoder", "answer", "classify", "corpus", "examples", "explain",
    "features", "model", "predict", "question", "score",
]  # fmt: skip
