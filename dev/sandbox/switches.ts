/** A setting of a partner that can change at run time. */
export interface Switch<Value> {
  readonly initial: Value;
  /** The accepted values, in words. */
  readonly accepts: string;
  /** Converts an untrusted value to the new setting; undefined when the value is invalid. */
  readonly read: (value: unknown, current: Value) => Value | undefined;
}

/** The switches of a partner by name. */
export type SwitchTable<Values> = { readonly [Name in keyof Values]: Switch<Values[Name]> };

/** Names every unknown switch and every invalid value of a change. */
export class BadSwitchError extends Error {}

/** The current settings of one partner. */
export class Switches<Values extends object> {
  readonly values: Values;

  constructor(
    private readonly table: SwitchTable<Values>,
    private readonly noun = 'switch',
  ) {
    this.values = this.initial();
  }

  /**
   * Sets the named switches. An invalid change sets none of them.
   *
   * @throws BadSwitchError
   */
  set(changes: Readonly<Record<string, unknown>>): void {
    const next: Partial<Values> = {};
    const errors: string[] = [];
    for (const [name, value] of Object.entries(changes)) {
      if (!this.has(name)) {
        const names = Object.keys(this.table).join(', ');
        errors.push(`${name}: no such ${this.noun}; choose one of ${names}`);
        continue;
      }
      const { read, accepts } = this.table[name];
      const setting = read(value, this.values[name]);
      if (setting === undefined) errors.push(`${name}: must be ${accepts}`);
      else next[name] = setting;
    }
    if (errors.length > 0) throw new BadSwitchError(errors.join('; '));
    Object.assign(this.values, next);
  }

  /** Sets every switch to its initial value. */
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

/** A boolean, initially false. */
export function flag(): Switch<boolean> {
  return {
    initial: false,
    accepts: 'true or false',
    read: (value) => (typeof value === 'boolean' ? value : undefined),
  };
}

/** An integer within a range. */
export function integer(initial: number, from: number, to: number): Switch<number> {
  return {
    initial,
    accepts: `an integer from ${from} to ${to}`,
    read: (value) =>
      typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
        ? value
        : undefined,
  };
}

/** A fraction from 0 to 1, initially 0. */
export function share(): Switch<number> {
  return {
    initial: 0,
    accepts: 'a number from 0 to 1',
    read: (value) => (typeof value === 'number' && value >= 0 && value <= 1 ? value : undefined),
  };
}

/** The same switch, but null is also valid, and is the initial value. */
export function nullable<Value>({ initial, accepts, read }: Switch<Value>): Switch<Value | null> {
  return {
    initial: null,
    accepts: `${accepts}, or null`,
    read: (value, current) => (value === null ? null : read(value, current ?? initial)),
  };
}
