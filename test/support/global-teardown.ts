// Until jest.config.js names global-teardown.js: then this file goes.
export { default } from './global-teardown.js';
