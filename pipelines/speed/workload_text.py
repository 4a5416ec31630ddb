"""The words of the chat workload: one system prompt, and the parts that questions are made of.

The prompt is about 250 tokens and a question 45 to 65, counted with the default model's
tokenizer. A question is a situation, a request and a condition, each drawn from its list and
filled with names and numbers, so that two sessions hardly ever share more than the system prompt.
"""

from __future__ import annotations

import random

SYSTEM_PROMPT = (
    "You are the assistant of the Harbour Lane Workshop, a shared workspace where neighbours "
    "repair bicycles, mend furniture, grow vegetables and learn small trades from one another. "
    "Visitors write to you about their projects. Some have never held a screwdriver, others "
    "have worked with wood or metal for forty years, so find out from their words how much they "
    "know and choose yours accordingly. Answer in plain English and come to the point in the "
    "first sentence. Name the tools and the materials that are needed before you explain the "
    "steps, and give the steps in the order in which they are done. When a task could hurt "
    "someone, such as work on mains electricity, on a ladder or with solvents, say so clearly "
    "and recommend asking one of the stewards, who are in the building from ten in the morning "
    "until eight in the evening except on Mondays. The workshop lends hand tools for a week and "
    "power tools for a day. Wood offcuts are free, paint and screws are paid for at the counter, "
    "and nothing may be left in the corridor overnight. If a question leaves out something that "
    "you must know, state what you assume and carry on. Do not invent prices, opening hours or "
    "names of people. Keep the tone friendly, and never make fun of a beginner's mistake."
)

_SITUATIONS = (
    "My {person} gave me a {thing} that stood in a damp cellar for {count} years, and {flaw}.",
    "On {day} I began to restore a {thing} for my {person}, but now {flaw}.",
    "I have borrowed the {tool} for {count} days because {flaw} on the {thing} at home.",
    "Since last {day} {flaw} whenever my {person} uses the {thing} for more than {count} minutes.",
    "Our {place} bought a second-hand {thing} for {count} coins, and it seems that {flaw}.",
    "I want to surprise my {person} with a {thing} before {day}, although {flaw}.",
    "There are {count} of us in the {place}, we share one {thing}, and {flaw}.",
    "While cleaning the {place} I found a {thing}, {count} old bolts and a {tool}, and {flaw}.",
    "You told a friend of my {person} how to save a {thing}; in my case {flaw} after {count} days.",
    "My first try with the {tool} on the {thing} went badly on {day}: {flaw}.",
)
_REQUESTS = (
    "Could you explain how I should begin, and which part is worth the most care?",
    "What would you look at first, and how do I know that I have found the cause?",
    "Please tell me which steps I can do alone and which ones need a second pair of hands.",
    "Is it better to replace the damaged part or to mend it, and what speaks for each?",
    "How long will this take a beginner, and where do most people go wrong?",
    "Which materials should I buy, and in what order do I use them?",
    "Can you compare two ways of doing this and say which one you would choose?",
    "What should I write on my list before I come to the workshop?",
    "How can I test that the repair holds before I use it every day?",
    "Would you describe the finished result, so that I know when to stop?",
)
_CONDITIONS = (
    "I can spend {count} hours on it, no more.",
    "Please keep in mind that I only own a {tool}.",
    "It has to be ready by {day} evening.",
    "My {person} is allergic to strong solvents.",
    "The {place} has no electricity at the moment.",
    "I would rather not spend more than {count} coins.",
    "Two children will be watching, so it must be safe.",
    "Short sentences help me, as I read them aloud in the {place}.",
    "Assume that I have done nothing of the kind before.",
    "I have already tried oil, patience and a {tool}.",
)
_SLOTS = {
    "person": (
        "aunt", "brother", "cousin", "daughter", "flatmate", "godmother", "grandfather",
        "neighbour", "niece", "partner", "sister-in-law", "uncle",
    ),
    "thing": (
        "bookcase", "cargo bicycle", "cold frame", "garden bench", "hand mill", "kitchen chair",
        "pedal sewing machine", "rocking horse", "sash window", "tandem", "tool chest",
        "wheelbarrow", "wall clock", "wooden sledge",
    ),
    "flaw": (
        "one joint gives way under any weight", "the paint comes off in long strips",
        "something inside scrapes at every turn", "the left side hangs lower than the right",
        "rust has eaten through the thinnest plate", "the main screw turns without gripping",
        "a crack runs along the grain", "the handle has worked itself loose",
        "it smells of mould and old varnish", "two of the fittings do not match",
    ),
    "tool": (
        "block plane", "bow saw", "cordless drill", "heat gun", "mallet", "rasp",
        "spoke key", "socket wrench", "spirit level", "wire brush",
    ),
    "place": (
        "allotment", "boathouse", "choir room", "courtyard", "day nursery", "garage",
        "guest house", "reading room", "stairwell", "tea kitchen",
    ),
    "day": ("Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "count": ("three", "four", "five", "six", "eight", "nine", "eleven", "twelve", "twenty"),
}  # fmt: skip


def compose_question(chooser: random.Random) -> str:
    """One question: a situation, a request and a condition, drawn by `chooser`."""
    parts = (chooser.choice(pool) for pool in (_SITUATIONS, _REQUESTS, _CONDITIONS))
    return " ".join(_fill(part, chooser) for part in parts)


def _fill(part: str, chooser: random.Random) -> str:
    """`part` with each of its slots filled."""
    return part.format(**{slot: chooser.choice(words) for slot, words in _SLOTS.items()})
