/** Control and bidirectional characters as `\\u{…}`, so that a file's content can't drive the terminal. */
export function escapeControls(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    char => `\\u{${char.charCodeAt(0).toString(16)}}`,
  );
}
