/** What the columns of a goal are called. */
export const GOAL_HEAD = ['what', 'goal', 'measured', 'met'];

/** A row of a table of goals, for what must not be more than so much. */
export function atMost(what: string, value: number, goal: number, unit = ''): string[] {
  return [what, `≤ ${goal}${unit}`, `${value}${unit}`, met(value <= goal)];
}

/** The same for what must not be less. */
export function atLeast(what: string, value: number, goal: number, unit = ''): string[] {
  return [what, `≥ ${goal}${unit}`, `${value}${unit}`, met(value >= goal)];
}

/** Whether a goal is met. */
export function met(reached: boolean): string {
  return reached ? 'yes' : '**no**';
}
