import { jest } from '@jest/globals';

// Deadlines are part of what is promised, and machines that run tests are busy with other things at times. What
// has failed is told, and tried again; what is wrong fails every time.
jest.retryTimes(2, { logErrorsBeforeRetry: true });
