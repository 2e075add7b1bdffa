/** From sites to decisions. */
export { decide } from './decide.ts';
