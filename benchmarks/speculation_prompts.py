"""What `benchmarks.speculation` asks: for answers that copy from the prompt, and for others."""

from __future__ import annotations

_STORY = """The lighthouse at Cape Marrow was built in 1871 by the engineer Adela Finch. Its lamp
burned whale oil until 1904, when the harbour board paid for an electric one. The keeper, Tobias
Wren, refused to leave and lived in the tower for another nineteen years. He wrote down every ship
that passed: 41,208 of them, in eleven notebooks. The notebooks lie in the town library today, in a
cabinet of green glass. Visitors may read them on Thursdays, between two and five, if they wear
gloves. In 2009 a storm broke the gallery, and the town collected money for a new railing. The
tower is open from May to September; the climb is 187 steps.""".replace("\n", " ")

_MINUTES = """Minutes of the meeting of 14 March. Present: Ms Okafor (chair), Mr Lindqvist, Dr Rao,
Ms Petrova. 1. The budget for the new reading room was set at 38,500 euros; Dr Rao will ask three
firms for offers until 2 April. 2. The heating in the east wing failed twice in February. Mr
Lindqvist reported that the pump is from 1998 and that spare parts are no longer made. The
committee decided to replace it in summer. 3. Ms Petrova asked for longer opening hours on
Saturdays. A trial of six weeks begins on 5 April. 4. The next meeting is on 11 April at 17:30 in
room 204.""".replace("\n", " ")

_ORDERS = """def load_orders(path):
    orders = []
    with open(path) as file:
        for line in file:
            name, count, price = line.strip().split(",")
            orders.append({"name": name, "count": int(count), "price": float(price)})
    return orders


def total(orders):
    amount = 0.0
    for order in orders:
        amount += order["count"] * order["price"]
    return amount


def report(path):
    orders = load_orders(path)
    for order in orders:
        print(order["name"], order["count"], order["price"])
    print("total:", total(orders))
"""

_CACHE = """class Cache:
    def __init__(self, size):
        self.size = size
        self.items = {}
        self.order = []

    def get(self, key):
        if key not in self.items:
            return None
        self.order.remove(key)
        self.order.append(key)
        return self.items[key]

    def put(self, key, value):
        if key in self.items:
            self.order.remove(key)
        elif len(self.items) >= self.size:
            oldest = self.order.pop(0)
            del self.items[oldest]
        self.items[key] = value
        self.order.append(key)
"""

COPY = (
    f"Repeat the following text word for word:\n\n{_STORY}",
    f"Summarise these minutes; quote the sentences that matter:\n\n{_MINUTES}",
    f"Rename the function `total` to `sum_of_orders`, print the file:\n\n```python\n{_ORDERS}```",
    f"Add a docstring to each method and print the class:\n\n```python\n{_CACHE}```",
)

ORDINARY = (
    "Write a short story about a girl who finds an old map.",
    "Explain how a bicycle stays upright.",
    "Why is the sky blue, and why is the sunset red?",
    "Write a letter to my landlord about a leaking roof.",
)
