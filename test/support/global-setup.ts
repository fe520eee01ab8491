// Until jest.config.js names global-setup.js: then this file goes.
export { default } from './global-setup.js';
