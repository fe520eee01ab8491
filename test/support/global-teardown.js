export { endTestRun as default } from './global-setup.js';
