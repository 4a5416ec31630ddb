from __future__ import annotations

from xml.etree import ElementTree

import pytest

from pipelines.reporting.svg import Bar, Line, bar_chart, line_chart, nice_top

SVG = "{http://www.w3.org/2000/svg}"


def points_of(svg: str) -> list[tuple[float, float]]:
    (line,) = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    pairs = [pair.split(",") for pair in line.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


@pytest.mark.parametrize(
    ("value", "top"),
    [(0.0, 1.0), (0.9, 1.0), (1.0, 1.0), (1.1, 2.0), (21.0, 25.0), (0.03, 0.05), (9e9, 1e10)],
)
def test_axes_end_at_round_numbers(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


def test_larger_values_stand_higher_and_later_ones_further_right() -> None:
    svg = line_chart("t", "x", "y", [Line("a", ((1, 10.0), (4, 20.0), (16, 15.0)))])
    (x1, y1), (x2, y2), (x3, y3) = points_of(svg)
    assert x1 < x2 < x3
    assert y2 < y3 < y1
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)


def test_one_point_stands_in_the_middle() -> None:
    ((x, _),) = points_of(line_chart("t", "x", "y", [Line("a", ((1, 10.0),))]))
    assert 300 < x < 360


def test_nothing_to_draw_is_no_plot() -> None:
    assert line_chart("t", "x", "y", [Line("a", ())]) == ""
    assert bar_chart("t", []) == ""


def test_bars_are_as_long_as_their_values() -> None:
    svg = bar_chart("t", [Bar("a", 1.0), Bar("b", 2.0, reference=1.5)])
    root = ElementTree.fromstring(svg)
    widths = [float(one.attrib["width"]) for one in root.iter(f"{SVG}rect")][1:]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    assert len([*root.iter(f"{SVG}line")]) == 1


def test_names_cannot_break_out_of_the_plot() -> None:
    svg = bar_chart("<b>", [Bar("</text><script>", 1.0, text="a & b")])
    root = ElementTree.fromstring(svg)
    assert "</text><script>" in [one.text for one in root.iter(f"{SVG}text")]
