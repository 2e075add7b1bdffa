/** The bytes of files, read safely: links are not followed, and nothing but a regular file is waited for. */
import { closeSync, constants, openSync, readSync } from 'node:fs';

/** Larger files are reported and not read: no hand-written configuration is that large. */
export const LIMIT = 2 * 1024 * 1024;

// One buffer for all files: the loop must not allocate. A file that fills it is too large.
let buffer: Buffer | null = null;

/** The bytes of a file, valid until the next call; or why there are none. */
export function readBytes(path: string): Buffer | 'link' | 'unreadable' | 'too-large' | 'not-a-file' {
  buffer ??= Buffer.allocUnsafeSlow(LIMIT + 1);
  let handle: number;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'link' : 'unreadable';
  }
  try {
    let length = 0;
    for (;;) {
      const asked = buffer.length - length;
      const count = readSync(handle, buffer, length, asked, null);
      length += count;
      if (length > LIMIT) return 'too-large';
      // A regular file gives all that is asked for, up to its end.
      if (count < asked) return buffer.subarray(0, length);
    }
  } catch {
    return 'not-a-file';
  } finally {
    closeSync(handle);
  }
}

/** The beginning of the file that was read last. */
export const headOf = (): string => buffer?.toString('latin1', 0, 64 * 1024) ?? '';

/** Text with a byte order mark of UTF-16, as Windows shells write it. */
export const isUtf16 = (bytes: Uint8Array): boolean =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
