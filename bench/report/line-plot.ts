export interface LinePlot {
  readonly title: string;
  /** The points of the horizontal axis, from 0 to 1. */
  readonly xs: readonly { readonly at: number; readonly label: string }[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  /** A goal, drawn as a horizontal line. */
  readonly limit: { readonly value: number; readonly label: string };
}

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 60, right: 120, top: 40, bottom: 60 };
const INNER_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const INNER_HEIGHT = HEIGHT - MARGIN.top - MARGIN.bottom;
const COLORS = ['#2a7f62', '#c98a1b', '#b3402e', '#3b6aa0'];
const TICKS = 5;

/** Draws lines as an SVG. */
export function drawLinePlot({ title, xs, xLabel, yLabel, series, limit }: LinePlot): string {
  const highest = Math.max(limit.value, ...series.flatMap(({ values }) => values));
  const magnitude = 10 ** Math.floor(Math.log10(highest / TICKS));
  const digit = [1, 2, 5].find((candidate) => candidate * magnitude * TICKS >= highest) ?? 10;
  const step = digit * magnitude;
  const steps = Math.ceil(highest / step);
  const x = (at: number) => MARGIN.left + at * INNER_WIDTH;
  const y = (value: number) => MARGIN.top + INNER_HEIGHT * (1 - value / (step * steps));
  const ticks = Array.from({ length: steps + 1 }, (_, nth) => Number((nth * step).toPrecision(3)));
  const middle = MARGIN.top + INNER_HEIGHT / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(MARGIN.left, 24, title, 'font-size="15" font-weight="bold"'),
    ...ticks.flatMap((tick) => [
      line(x(0), x(1), y(tick), 'stroke="#ddd"'),
      text(MARGIN.left - 8, y(tick) + 4, String(tick), 'text-anchor="end"'),
    ]),
    ...xs.map(({ at, label }) => text(x(at), HEIGHT - 40, label, 'text-anchor="middle"')),
    text(x(0.5), HEIGHT - 14, xLabel, 'text-anchor="middle"'),
    text(16, middle, yLabel, `text-anchor="middle" transform="rotate(-90 16 ${middle})"`),
    line(x(0), x(1), y(limit.value), 'stroke="#555" stroke-dasharray="5 4"'),
    text(x(0) + 6, y(limit.value) - 6, limit.label, 'fill="#555"'),
    ...series.flatMap(({ name, values }, nth) => {
      const color = COLORS[nth % COLORS.length] ?? '';
      const points = values.map((value, point) => `${x(xs[point]?.at ?? 0)},${y(value)}`);
      return [
        `<polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-width="2"/>`,
        text(WIDTH - MARGIN.right + 16, MARGIN.top + 20 * nth, `— ${name}`, `fill="${color}"`),
      ];
    }),
    '</svg>\n',
  ].join('\n');
}

function line(x1: number, x2: number, y: number, style: string): string {
  return `<line x1="${x1}" x2="${x2}" y1="${y}" y2="${y}" ${style}/>`;
}

function text(x: number, y: number, content: string, style: string): string {
  return `<text x="${x}" y="${y}" ${style}>${content}</text>`;
}
