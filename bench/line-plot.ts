export interface LinePlot {
  readonly title: string;
  /** What stands under the points, from the left to the right. */
  readonly xs: readonly { readonly at: number; readonly label: string }[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** A value that is not to be exceeded. */
  readonly limit: { readonly value: number; readonly label: string };
}

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 60, right: 120, top: 40, bottom: 60 };
const INNER_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const INNER_HEIGHT = HEIGHT - MARGIN.top - MARGIN.bottom;
const COLOURS = ['#2a7f62', '#c98a1b', '#b3402e', '#3b6aa0'];
const TICKS = 5;

/** Draws values against each other as an SVG: the horizontal axis goes from 0 to 1. */
export function drawLinePlot({ title, xs, xLabel, yLabel, series, limit }: LinePlot): string {
  const values = series.flatMap((line) => line.values);
  const step = roundUp(Math.max(limit.value, ...values) / TICKS);
  const x = (value: number) => MARGIN.left + value * INNER_WIDTH;
  const y = (value: number) => MARGIN.top + INNER_HEIGHT - (value / (step * TICKS)) * INNER_HEIGHT;
  const ticks = Array.from({ length: TICKS + 1 }, (_, nth) => nth * step);
  const middle = MARGIN.top + INNER_HEIGHT / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 24, title, 'font-size="15" font-weight="bold"'),
    ...ticks.flatMap((tick) => [
      line(x(0), y(tick), x(1), y(tick), 'stroke="#ddd"'),
      text(MARGIN.left - 8, y(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
    ...xs.map(({ at, label }) =>
      text(x(at), HEIGHT - MARGIN.bottom + 20, label, 'text-anchor="middle"'),
    ),
    text(x(0.5), HEIGHT - 14, xLabel, 'text-anchor="middle"'),
    text(16, middle, yLabel, `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
    line(x(0), y(limit.value), x(1), y(limit.value), 'stroke="#555" stroke-dasharray="5 4"'),
    text(x(0) + 6, y(limit.value) - 6, limit.label, 'fill="#555"'),
    ...series.flatMap((drawn, nth) => {
      const colour = COLOURS[nth % COLOURS.length] ?? '';
      const points = drawn.values.map((value, point) => [x(xs[point]?.at ?? 0), y(value)] as const);
      const [right, top] = points.at(-1) ?? [0, 0];
      return [
        `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3" fill="${colour}"/>`),
        text(right + 10, top + 4, drawn.name, `fill="${colour}"`),
      ];
    }),
    '</svg>',
  ].join('\n');
}

function line(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${style}/>`;
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x}" y="${y}" ${style}>${content}</text>`;
}

/** The next number above that is 1, 2 or 5 with noughts. */
function roundUp(value: number): number {
  const magnitude = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((digit) => digit * magnitude >= value) ?? 10) * magnitude;
}
