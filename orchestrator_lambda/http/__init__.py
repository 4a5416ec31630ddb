"""Plain HTTP nouns: what every kind of event becomes, and what every kind of answer is made of."""
