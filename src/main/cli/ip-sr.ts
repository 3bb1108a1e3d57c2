/**
 * `ip sr`: the outer source and the HMAC keys of SRv6 (ip-sr(8); spec B §1.4, §3.1). Main only.
 */
import { familyOf } from '../config/address.js';
import type { HmacKey } from '../config/seg6.js';
import type { State } from '../config/state.js';
import { ControlError } from '../errors.js';
import { readKey, readTunsrc } from './ip-encap.js';
import type { Draft, Words } from './words.js';

/** Most bytes of a secret. */
const SECRET_MAX = 64;

/** `tunsrc set ADDR` (:: for none) and `hmac set KEYID sha1|sha256 [SECRET]`; no secret deletes. Throws EINVAL, ENOENT. */
export function changeSeg6(draft: Draft, what: string, words: Words): void {
  const { seg6 } = draft.state;
  const set = words.take('command');
  if (set !== 'set' || (what !== 'tunsrc' && what !== 'hmac')) {
    throw new ControlError('EINVAL', `ip sr ${what} ${set}: unknown command`);
  }
  if (what === 'tunsrc') {
    const text = words.take('address');
    words.end();
    seg6.tunsrc = familyOf(text) === 'inet6' && /^[0:]+$/.test(text) ? '' : readTunsrc(text);
    return;
  }
  const id = readKey(words.take('key'));
  if (id === 0) throw new ControlError('EINVAL', 'key 0 means that there is none');
  const algorithm = words.take('algorithm');
  if (algorithm !== 'sha1' && algorithm !== 'sha256') {
    throw new ControlError('EINVAL', `${algorithm}: sha1 or sha256`);
  }
  const secret = words.more ? words.take('secret') : '';
  words.end();
  if (Buffer.byteLength(secret) > SECRET_MAX || /\p{Cc}/u.test(secret)) {
    throw new ControlError('EINVAL', `a secret has ${SECRET_MAX} bytes at most, and no control characters`);
  }
  const others = seg6.hmacs.filter((key) => key.id !== id);
  if (secret === '' && others.length === seg6.hmacs.length) throw new ControlError('ENOENT', 'No such key');
  const made: HmacKey[] = secret === '' ? [] : [{ id, algorithm, secret }];
  seg6.hmacs = [...others, ...made].sort((a, b) => a.id - b.id);
}

/** What `ip sr tunsrc show` and `ip sr hmac show` print. Throws EINVAL. */
export function showSeg6({ seg6 }: State, what: string, json: boolean): string {
  if (what === 'tunsrc') {
    const tunsrc = seg6.tunsrc === '' ? '::' : seg6.tunsrc;
    return json ? `${JSON.stringify([{ tunsrc }])}\n` : `tunsrc addr ${tunsrc}\n`;
  }
  if (what !== 'hmac') throw new ControlError('EINVAL', `ip sr ${what}: unknown command`);
  if (json)
    return `${JSON.stringify(seg6.hmacs.map(({ id, algorithm, secret }) => ({ hmac: id, algo: algorithm, secret })))}\n`;
  return seg6.hmacs.map(({ id, algorithm, secret }) => `hmac ${id} algo ${algorithm} secret "${secret}"\n`).join('');
}
