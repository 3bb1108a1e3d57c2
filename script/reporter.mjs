/**
 * A compact reporter for node's test runner: a dot a test, failures in full, slow tests by name.
 */
const SLOW_MS = 5000;

export default async function* reporter(source) {
  let column = 0;
  const failures = [];
  for await (const event of source) {
    const { data } = event;
    if (event.type === 'test:pass' || event.type === 'test:fail') {
      if (data.details?.type === 'suite') continue;
      if (event.type === 'test:fail') failures.push(data);
      yield data.skip !== undefined ? 's' : event.type === 'test:pass' ? '.' : 'F';
      if (++column % 100 === 0) yield '\n';
      if (data.details.duration_ms > SLOW_MS)
        yield ` [${data.name}: ${Math.round(data.details.duration_ms / 1000)} s] `;
    } else if (event.type === 'test:stderr') {
      yield data.message;
    }
  }
  yield '\n';
  for (const failure of failures) {
    const error = failure.details.error;
    yield `\nFAILED ${failure.file ?? ''}: ${failure.name}\n${error?.cause?.stack ?? error?.stack ?? error}\n`;
  }
}
