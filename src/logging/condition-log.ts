import type { Logger } from '@nestjs/common';

/**
 * Logs a condition when it changes: a warning when it begins and one line when it ends, however often it is reported
 * in between.
 */
export class ConditionLog {
  private readonly reasons = new Set<string>();

  constructor(private readonly logger: Logger) {}

  /** Whether a warning was logged since the condition last ended. */
  get active(): boolean {
    return this.reasons.size > 0;
  }

  /**
   * Logs a warning, unless one with the same reason was logged since the condition last ended.
   *
   * @param reason identifies the warning: each reason is logged once. Default: the message.
   */
  warn(message: string, reason = message): void {
    if (!this.reasons.has(reason)) {
      this.reasons.add(reason);
      this.logger.warn(message);
    }
  }

  /** Ends the condition, and logs the message if a warning was logged. */
  clear(message: string): void {
    if (this.active) {
      this.reasons.clear();
      this.logger.log(message);
    }
  }
}
