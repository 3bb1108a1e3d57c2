/**
 * What the answer to `POST /capture` says beside the packets (capture-api.ts), for both ends of the control socket.
 */

/** The capture's id. */
export const CAPTURE_ID = 'x-capture-id';
/** Its link type. */
export const CAPTURE_LINK = 'x-capture-link';
/** A trailer: the errno of a capture that ended although nobody stopped it. */
export const CAPTURE_END = 'x-capture-end';
