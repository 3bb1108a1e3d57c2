/**
 * Turns of the event loop, shared out: of many that have the same to do at the same time so many go on in each, and whoever else waits for
 * this thread goes on in between. Main only.
 */

export class Turns {
  private readonly most: number;
  private readonly waiting: (() => void)[] = [];
  /** How many have gone on in this turn. */
  private used = 0;
  private ending = false;

  /** `most` go on in one turn. */
  constructor(most: number) {
    this.most = most;
  }

  /** Resolves at once if there is room in this turn, else in the first that has. */
  async next(): Promise<void> {
    this.endLater();
    if (this.used < this.most) {
      this.used++;
      return;
    }
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  private endLater(): void {
    if (this.ending) return;
    this.ending = true;
    setImmediate(() => this.end());
  }

  private end(): void {
    this.ending = false;
    const next = this.waiting.splice(0, this.most);
    this.used = next.length;
    if (next.length > 0) this.endLater();
    for (const go of next) go();
  }
}
