/** How far a run is, for whoever shows it. Nobody is asked to listen, and what a run says does not depend on it. */
export type Stage = 'searching' | 'reading' | 'extracting' | 'auditing' | 'following' | 'deciding' | 'checking';

/** `done` of `total`: files, services, places or edited files, as the stage has them. */
export type Listener = (stage: Stage, done: number, total: number) => void;

let listener: Listener | null = null;

/** One at a time; null: nobody any more. */
export const listenToProgress = (next: Listener | null): void => {
  listener = next;
};

export const tellProgress: Listener = (stage, done, total) => listener?.(stage, done, total);
