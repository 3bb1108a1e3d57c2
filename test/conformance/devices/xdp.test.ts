/** Interfaces attached through AF_XDP pass the suite of all devices. */
import { skipReason } from '../../support/require.js';
import { deviceSuite } from './device-suite.js';
import { hostRig } from './host-rig.js';

deviceSuite('xdp', () => hostRig('xdp'), skipReason.root());
