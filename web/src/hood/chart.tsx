export interface Series {
  name: string;
  values: (number | null)[];
  tone: "warm" | "cool" | "plain";
  /** Single moments instead of a course. */
  dots?: boolean;
}

interface Props {
  title: string;
  unit: string;
  series: Series[];
  /** Top of the axis at the least. */
  least: number;
  now: string;
}

const WIDTH = 360;
const HEIGHT = 96;

/** A small chart: the last minutes from left to right. Its numbers are in the text beside it. */
export function Chart({ title, unit, series, least, now }: Props) {
  const top = niceTop(
    Math.max(least, ...series.flatMap((one) => one.values.map((value) => value ?? 0))),
  );
  return (
    <figure class="card chart">
      <figcaption>
        <h3>{title}</h3>
        <output>{now}</output>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {[0.25, 0.5, 0.75].map((part) => (
          <line key={part} class="rule" x1={0} x2={WIDTH} y1={HEIGHT * part} y2={HEIGHT * part} />
        ))}
        {series.map((one) => (
          <path
            key={one.name}
            class={`line ${one.tone} ${one.dots ? "dotted" : ""}`}
            d={one.dots ? dots(one.values, top) : course(one.values, top)}
          />
        ))}
      </svg>
      <p class="axis">
        <span>
          {series.length > 1 &&
            series.map((one) => (
              <span key={one.name} class={`key ${one.tone}`}>
                {one.name}
              </span>
            ))}
        </span>
        <span>
          0 – {top.toLocaleString("en")} {unit}
        </span>
      </p>
    </figure>
  );
}

/** 1, 2 or 5 times a power of ten, at or above `value`. */
export function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  const factor = [1, 2, 5, 10].find((one) => one * power >= value * 0.999) ?? 10;
  return Number((factor * power).toPrecision(6));
}

function place(index: number, value: number, length: number, top: number): string {
  const x = length < 2 ? WIDTH : (index / (length - 1)) * WIDTH;
  const y = HEIGHT - 2 - (Math.min(value, top) / top) * (HEIGHT - 6);
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function course(values: (number | null)[], top: number): string {
  let pen = "M";
  return values
    .map((value, index) => {
      if (value === null) {
        pen = "M";
        return "";
      }
      const step = pen + place(index, value, values.length, top);
      pen = "L";
      return step;
    })
    .join("");
}

function dots(values: (number | null)[], top: number): string {
  return values
    .map((value, index) =>
      value === null ? "" : `M${place(index, value, values.length, top)}l0.01 0`,
    )
    .join("");
}
