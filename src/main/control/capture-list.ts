/**
 * Every capture there is, with what became of its packets, as `show captures` and the metrics tell it. Main only.
 */
import type { MeteredCapture } from '../../../metrics/source.js';
import type { Router } from '../router.js';

/** All captures in order of number. A stream's socket is nothing that an operator named: such a capture is called tcpdump. */
export function capturesOf(router: Router): MeteredCapture[] {
  const { captures, captureWriter, state } = router;
  const files = new Set(state.captures.map(({ path }) => path));
  return captures.all().map((capture) => {
    const { received, captured, dropped } = captures.counts(capture);
    const written = captureWriter.counts(capture.id);
    const path = captureWriter.pathOf(capture.id) ?? '';
    return {
      capture: capture.id & 0xffff,
      interface: capture.interface.name,
      type: capture.link,
      to: files.has(path) ? path : 'tcpdump',
      received,
      captured,
      dropped: dropped + written.dropped,
      written: written.written,
      bytes: written.bytes,
      files: written.files,
    };
  });
}
