/**
 * `capture IF file PATH …` and `capture IF -file PATH`: captures that are part of the configuration.
 */
import { resolve } from 'node:path';
import { readCapture } from '../config/capture.js';
import { linksOf } from '../control/captures.js';
import { ControlError } from '../errors.js';
import { type Draft, Words } from './words.js';

/** Changes the captures of `draft`. Throws ControlError. */
export function capture(draft: Draft, args: readonly string[]): void {
  const words = new Words(args);
  const name = words.take('interface');
  const verb = words.take('file PATH or -file PATH');
  const given = words.take('path');
  // One file has one name, however it is spelled.
  const path = given.startsWith('/') ? resolve(given) : given;
  const { captures, interfaces } = draft.state;
  const spec = interfaces.get(name);
  if (spec === undefined) throw new ControlError('ENXIO', `${name}: no such interface`);
  const at = captures.findIndex((c) => c.path === path);
  const there = captures[at];
  if (verb === '-file') {
    words.end();
    if (there?.interface !== name) throw new ControlError('ENOENT', `${name}: no capture to ${path}`);
    captures.splice(at, 1);
    return;
  }
  if (verb !== 'file') throw new ControlError('EINVAL', `${verb}: capture IF takes file PATH or -file PATH`);
  if (there !== undefined && there.interface !== name) {
    throw new ControlError('EBUSY', `${path}: ${there.interface} is captured there`);
  }
  const setting = readCapture(name, path, words.rest());
  const links = linksOf(spec.type);
  if (setting.type !== '' && !links.includes(setting.type)) {
    throw new ControlError('EINVAL', `${name}: link type ${setting.type} is not ${links.join(' or ')}`);
  }
  if (at === -1) captures.push(setting);
  else captures[at] = setting;
}
