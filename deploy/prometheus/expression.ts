import { parser } from '@prometheus-io/lezer-promql';

/** A vector selector. */
export interface Selector {
  readonly metric: string;
  /** The labels that select the series, and those that group them. */
  readonly labels: ReadonlySet<string>;
}

/** An aggregation and its position in the text. */
interface Aggregation {
  readonly from: number;
  readonly to: number;
  readonly labels: string[];
}

/** The selectors of a PromQL expression, and the labels of its result. */
export class Expression {
  readonly selectors: readonly Selector[];
  /** The labels that the outermost aggregation keeps; undefined without an aggregation. */
  readonly kept: readonly string[] | undefined;

  /** @throws Error when the text is not valid PromQL. */
  constructor(text: string) {
    const aggregations: Aggregation[] = [];
    const found: { metric: string; labels: string[]; within: Aggregation[] }[] = [];
    parser.parse(text).iterate({
      enter: ({ type, node, from, to }) => {
        if (type.isError) throw new Error(`Invalid PromQL at character ${from}: ${text}`);
        const within = aggregations.filter((aggregation) => from < aggregation.to);
        switch (type.name) {
          case 'AggregateExpr':
            aggregations.push({ from, to, labels: [] });
            break;
          case 'VectorSelector': {
            const name = node.getChild('Identifier');
            if (name === null) throw new Error(`A selector without a metric: ${text}`);
            found.push({ metric: text.slice(name.from, name.to), labels: [], within });
            break;
          }
          case 'LabelName':
            if (node.parent?.name === 'UnquotedLabelMatcher') {
              found.at(-1)?.labels.push(text.slice(from, to));
            } else if (node.parent?.parent?.name === 'AggregateModifier') {
              within.at(-1)?.labels.push(text.slice(from, to));
            }
        }
      },
    });
    this.selectors = found.map(({ metric, labels, within }) => ({
      metric,
      labels: new Set([...labels, ...within.flatMap(({ labels }) => labels)]),
    }));
    this.kept = aggregations[0]?.labels;
  }
}
