/** How long a piece of work takes, whatever else the machine does meanwhile. */

/** Milliseconds of the processor. */
export function cpuTime(work: () => void): number {
  const before = process.cpuUsage();
  work();
  return process.cpuUsage(before).user / 1000;
}
