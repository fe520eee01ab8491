export { stopTestRun as default } from './global-setup.js';
