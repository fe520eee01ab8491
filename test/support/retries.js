import { jest } from '@jest/globals';

// Specs of faults depend on deadlines, which a busy machine can miss. A failure is logged and retried; a defect fails
// every attempt.
jest.retryTimes(2, { logErrorsBeforeRetry: true });
