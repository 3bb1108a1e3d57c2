/**
 * Traces in shared memory: what a worker writes down of one frame's way through it, as the captured bytes of one record of its capture
 * ring (layout/capture.ts), whose LENGTH is the frame's. All are words, made in the worker's own memory and
 * then copied into the ring.
 */

/** Bytes of the frame, as it came in, that a trace begins with: those between FRAME and WORDS of `TraceHead`. */
export const TRACE_BYTES = 128;
/** Most decisions kept of a frame. */
export const TRACE_EVENTS = 1000;

/** The head of a trace; the decisions follow it. W: worker. R: capture writer, which passes it on as it is, and smrctl. */
export const enum TraceHead {
  /** Interface it was received on. */
  INGRESS = 0,
  /** The worker that took it. */
  WORKER = 1,
  /** Decisions there were; TRACE_EVENTS at most follow. */
  EVENTS = 2,
  /** Bytes of the frame that are here. */
  BYTES = 3,
  /** 1 if it is a packet, with no Ethernet header. */
  PACKET = 4,
  /** The frame's first bytes. */
  FRAME = 5,
  WORDS = 37,
}

/** A decision: what it is, the interface it was made at, and what its kind says. W: worker. R: as the head. */
export const enum TraceWord {
  /** A `TraceEvent`. */
  KIND = 0,
  INDEX = 1,
  A = 2,
  B = 3,
  C = 4,
  D = 5,
  /** Four words of an address. */
  E = 6,
  WORDS = 10,
}

/** Kinds of decisions. */
export const enum TraceEvent {
  /** Enters bridge INDEX; A: by which port. */
  BRIDGE = 1,
  /** Of a reserved group: back to the input of port INDEX. */
  RETURNED = 2,
  /** A copy goes to span port INDEX. */
  SPAN = 3,
  /** Walked the rules of port INDEX; A: 0 in, 1 out; B: the rule that decided, from 1, 0 = none; C: the `Verdict`. */
  RULES = 4,
  /** The source at bridge INDEX; A: a `Learned`; B: the port. */
  LEARN = 5,
  /** The destination at bridge INDEX; A: the port it is behind, 0 = flooded; B: 1 if it is a group. */
  LOOKUP = 6,
  /** Enters the stack of INDEX. */
  STACK = 7,
  /**
   * A route for a packet received on INDEX; A: IP version; B: routing domain; C: a `NextHopKind`; D: interface; E: the gateway; of a
   * SID: FLAGS and TABLE.
   */
  ROUTE = 8,
  /** A virtual hop at INDEX; A: a `Hop`. */
  HOP = 9,
  /** Leaves by INDEX; A: first two bytes of the destination and B: the last four, as wire/ethernet.ts reads them; C: tag. */
  EGRESS = 10,
  /** INDEX's queue is that of worker A, which sends it. */
  HANDED = 11,
  /** To main, from INDEX; A: a `PuntReason`. */
  PUNT = 12,
  /** Dropped at INDEX; A: the `Drop`. */
  DROP = 13,
  /** A copy for INDEX dropped; A: the `Drop`. */
  DROP_COPY = 14,
  /** Ends at INDEX: nobody wants more of it. */
  CONSUME = 15,
  /** INDEX has the monitor flag. */
  MONITOR = 16,
}
