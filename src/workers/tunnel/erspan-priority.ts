/**
 * Priorities of frames and classes of service on the wire (E16): 802.1p puts background, 1, below best effort, 0, so those two change
 * places, both ways, as they do in VLAN tags. Workers; nothing is allocated.
 */

/** The class of service of a priority, and the priority of a class, 0 … 7. */
export function swapBestEffort(priority: number): number {
  return priority <= 1 ? 1 - priority : priority;
}
