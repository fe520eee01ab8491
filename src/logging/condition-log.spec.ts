import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';

import { ConditionLog } from './condition-log.js';

describe(ConditionLog.name, () => {
  const logger = new Logger();
  const warn = jest.spyOn(logger, 'warn').mockReturnValue();
  const log = jest.spyOn(logger, 'log').mockReturnValue();
  let condition: ConditionLog;

  beforeEach(() => {
    jest.clearAllMocks();
    condition = new ConditionLog(logger);
  });

  it('warns once for each reason', () => {
    condition.warn('refused');
    condition.warn('refused');
    condition.warn('timed out after 50 ms', 'timed out');
    condition.warn('timed out after 60 ms', 'timed out');
    expect(warn.mock.calls).toEqual([['refused'], ['timed out after 50 ms']]);
  });

  it('logs the end once, and warns again when the condition returns', () => {
    condition.warn('down');
    expect(condition.active).toBe(true);
    condition.clear('up');
    condition.clear('up');
    expect(condition.active).toBe(false);
    condition.warn('down');
    expect(log.mock.calls).toEqual([['up']]);
    expect(warn.mock.calls).toEqual([['down'], ['down']]);
  });

  it('does not log the end of a condition that never began', () => {
    condition.clear('up');
    expect(log).not.toHaveBeenCalled();
  });
});
