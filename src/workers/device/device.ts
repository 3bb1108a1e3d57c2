/**
 * What every kind of device gives the loop. A record of functions, chosen per burst or list, never per frame.
 */

/** One kind of device, as one worker drives it. */
export interface Device {
  /**
   * Takes one burst from interface `index` into the context, bad frames dropped and counted. Returns the frames read, good or
   * bad; 0 when there was nothing.
   */
  receive(index: number): number;
  /** Sends the `n` frames that wait for interface `index`, in order, and counts those it cannot send. */
  send(index: number, n: number): void;
}
