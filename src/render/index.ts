/** What a person or a machine reads. */
export { wantsColor } from './color.ts';
export { MASK, maskSecrets } from './mask.ts';
export { FINISHES } from './outcome.ts';
export { describeOutcomes, type Overview, type OverviewRow, readRow, sortRows } from './overview.ts';
export { describeProcess, placeOf } from './place.ts';
export { startProgress } from './progress.ts';
export { describeReadiness } from './readiness.ts';
export { print, type Reporter, readReporters, report, writeOutput } from './render.ts';
export { type Report, type ReportSite, toReport } from './report.ts';
export { hazardResults } from './results.ts';
export { renderSummary } from './summary.ts';
export { VERSION } from './version.ts';
