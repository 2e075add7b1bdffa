/** A line on a terminal's stderr while the work takes longer than a moment; gone before anything else is printed. */
export function startProgress(options: { quiet?: boolean; 'no-progress'?: boolean }): () => void {
  if (!process.stderr.isTTY || options.quiet || options['no-progress'] || process.env.CI) return () => {};
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    process.stderr.write('Reading the repository …');
  }, 300);
  return () => {
    clearTimeout(timer);
    if (shown) process.stderr.write('\r\u001b[2K');
  };
}
