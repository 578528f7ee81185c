"""Short questions with checkable answers, in four kinds of task."""

from __future__ import annotations

import random
from dataclasses import dataclass

_CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo",
    "Russia": "Moscow", "Egypt": "Cairo", "Greece": "Athens", "Portugal": "Lisbon", "Austria": "Vienna",
    "Poland": "Warsaw", "Hungary": "Budapest", "Norway": "Oslo", "Sweden": "Stockholm", "Finland": "Helsinki",
    "Denmark": "Copenhagen", "Ireland": "Dublin", "Cuba": "Havana", "Peru": "Lima", "Chile": "Santiago",
    "Kenya": "Nairobi", "Thailand": "Bangkok", "China": "Beijing", "Canada": "Ottawa", "Iran": "Tehran",
    "Iraq": "Baghdad", "Belgium": "Brussels", "Turkey": "Ankara", "Australia": "Canberra", "Syria": "Damascus",
}  # fmt: skip
_WORDS = [
    "apple",
    "river",
    "garden",
    "window",
    "yellow",
    "planet",
    "silver",
    "button",
    "castle",
    "monkey",
    "orange",
    "pencil",
    "rocket",
    "summer",
    "tunnel",
    "violin",
    "winter",
    "bridge",
    "candle",
    "forest",
    "island",
    "ladder",
    "market",
    "needle",
    "pepper",
    "school",
    "ticket",
    "velvet",
    "walnut",
    "zipper",
]
_EXAMPLES = {
    "addition": "Q: 2 + 3\nA: 5\nQ: 8 + 4\nA: 12\n",
    "capital": "Q: capital of Brazil\nA: Brasilia\nQ: capital of India\nA: Delhi\n",
    "copy": "Q: copy the word table\nA: table\nQ: copy the word house\nA: house\n",
    "comparison": "Q: is 9 more than 2?\nA: yes\nQ: is 3 more than 8?\nA: no\n",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, as two solved examples and the question, and the only right answer."""

    task: str
    prompt: str
    answer: str

    def right(self, text: str) -> bool:
        """Returns whether the first line of `text` is the answer, whatever its case and final stop."""
        lines = text.strip().splitlines()
        first = lines[0].removeprefix("A:").strip() if lines else ""
        return first.rstrip(".").lower() == self.answer.lower()


def draw(rng: random.Random) -> Question:
    """Draws a kind of task, then a question of that kind."""
    task = rng.choice(sorted(_EXAMPLES))
    if task == "addition":
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        asked, answer = f"{a} + {b}", str(a + b)
    elif task == "capital":
        country = rng.choice(sorted(_CAPITALS))
        asked, answer = f"capital of {country}", _CAPITALS[country]
    elif task == "copy":
        word = rng.choice(_WORDS)
        asked, answer = f"copy the word {word}", word
    else:
        a, b = rng.sample(range(1, 50), 2)
        asked, answer = f"is {a} more than {b}?", "yes" if a > b else "no"
    return Question(task, f"{_EXAMPLES[task]}Q: {asked}\nA:", answer)
