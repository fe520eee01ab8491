/** One thing about a partner that can be set while it runs. */
export interface Switch<Value> {
  readonly initial: Value;
  /** What it takes, in words. */
  readonly takes: string;
  /** Gives what it is set to by this value from outside; undefined when it does not take that. */
  readonly read: (value: unknown, current: Value) => Value | undefined;
}

/** The switches of a partner by their names. */
export type SwitchTable<Values> = { readonly [Name in keyof Values]: Switch<Values[Name]> };

/** Says which switches (or options) there are not, or what they do not take. */
export class BadSwitchError extends Error {}

/** The switches of one partner, and how they are set. */
export class Switches<Values extends object> {
  readonly values: Values;

  constructor(
    private readonly table: SwitchTable<Values>,
    private readonly noun = 'switch',
  ) {
    this.values = this.initial();
  }

  /** Sets those that are named, or none when one of them cannot be set. */
  set(changes: Readonly<Record<string, unknown>>): void {
    const next: Partial<Values> = {};
    const faults: string[] = [];
    for (const [name, value] of Object.entries(changes)) {
      if (!this.has(name)) {
        const names = Object.keys(this.table).join(', ');
        faults.push(`${name}: no such ${this.noun}; there are ${names}`);
        continue;
      }
      const { read, takes } = this.table[name];
      const setting = read(value, this.values[name]);
      if (setting === undefined) faults.push(`${name}: takes ${takes}`);
      else next[name] = setting;
    }
    if (faults.length > 0) throw new BadSwitchError(faults.join('; '));
    Object.assign(this.values, next);
  }

  /** Sets all of them back. */
  reset(): void {
    Object.assign(this.values, this.initial());
  }

  private has(name: string): name is keyof Values & string {
    return Object.hasOwn(this.table, name);
  }

  private initial(): Values {
    const values: Partial<Values> = {};
    for (const name of Object.keys(this.table)) {
      if (this.has(name)) values[name] = this.table[name].initial;
    }
    return values as Values;
  }
}

/** A switch that is off or on. */
export function flag(): Switch<boolean> {
  return {
    initial: false,
    takes: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  };
}

/** A switch that takes an integer from a range. */
export function integer(initial: number, from: number, to: number): Switch<number> {
  return {
    initial,
    takes: `an integer from ${from} to ${to}`,
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
        ? value
        : undefined,
  };
}

/** A switch that takes a share of the whole. */
export function share(initial = 0): Switch<number> {
  return {
    initial,
    takes: 'a number from 0 to 1',
    read: (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined),
  };
}

/** A switch that is null until it is set. */
export function orNull<Value>({ initial, takes, read }: Switch<Value>): Switch<Value | null> {
  return {
    initial: null,
    takes: `${takes}, or null`,
    read: (value, current) => (value === null ? null : read(value, current ?? initial)),
  };
}
