import { parser } from '@prometheus-io/lezer-promql';

/** Series that an expression picks. */
export interface Selection {
  readonly metric: string;
  /** The labels by which it picks them, and those by which it groups them. */
  readonly labels: ReadonlySet<string>;
}

/** An aggregation, and where in the text it stands. */
interface Aggregation {
  readonly from: number;
  readonly to: number;
  readonly labels: string[];
}

/** What an expression of PromQL asks for, and what it answers with. */
export class Expression {
  readonly selections: readonly Selection[];
  /** The labels that the outermost aggregation keeps; undefined where there is none. */
  readonly kept: readonly string[] | undefined;

  /** @throws Error when it is not PromQL. */
  constructor(text: string) {
    const aggregations: Aggregation[] = [];
    const found: { metric: string; picked: string[]; within: Aggregation[] }[] = [];
    parser.parse(text).iterate({
      enter: ({ type, node, from, to }) => {
        if (type.isError) throw new Error(`Not PromQL, from character ${from} on: ${text}`);
        const within = aggregations.filter((aggregation) => from < aggregation.to);
        switch (type.name) {
          case 'AggregateExpr':
            aggregations.push({ from, to, labels: [] });
            break;
          case 'VectorSelector': {
            const name = node.getChild('Identifier');
            if (name === null) throw new Error(`A selection without a metric: ${text}`);
            found.push({ metric: text.slice(name.from, name.to), picked: [], within });
            break;
          }
          case 'LabelName':
            if (node.parent?.name === 'UnquotedLabelMatcher') {
              found.at(-1)?.picked.push(text.slice(from, to));
            } else if (node.parent?.parent?.name === 'AggregateModifier') {
              within.at(-1)?.labels.push(text.slice(from, to));
            }
        }
      },
    });
    this.selections = found.map(({ metric, picked, within }) => ({
      metric,
      labels: new Set([...picked, ...within.flatMap(({ labels }) => labels)]),
    }));
    this.kept = aggregations[0]?.labels;
  }
}
