/** Interfaces attached through AF_PACKET pass the suite of all devices. */
import { skipReason } from '../../support/require.js';
import { deviceSuite } from './device-suite.js';
import { hostRig } from './host-rig.js';

deviceSuite('packet', () => hostRig('packet'), skipReason.root());
