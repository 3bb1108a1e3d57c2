import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { groupId, NO_GROUPS, roleOf } from '../../../../src/main/api/access.js';
import { onlyAsks } from '../../../../src/main/cli/asks.js';

describe('who may use the control socket', () => {
  const groups = { admin: 50, reader: 60 };

  it('root and the daemon itself do anything, others by their groups', () => {
    assert.equal(roleOf({ uid: 0, gids: [0] }, NO_GROUPS, 7), 'admin');
    assert.equal(roleOf({ uid: 7, gids: [7] }, NO_GROUPS, 7), 'admin');
    assert.equal(roleOf({ uid: 8, gids: [8, 50] }, groups, 7), 'admin');
    assert.equal(roleOf({ uid: 8, gids: [60, 8] }, groups, 7), 'reader');
    assert.equal(roleOf({ uid: 8, gids: [60, 50] }, groups, 7), 'admin');
    assert.equal(roleOf({ uid: 8, gids: [8] }, groups, 7), 'nobody');
    assert.equal(roleOf({ uid: 8, gids: [8, 0] }, NO_GROUPS, 7), 'nobody');
  });

  it('groups have names or numbers', () => {
    assert.equal(groupId('root'), 0);
    assert.equal(groupId('1234'), 1234);
    assert.throws(() => groupId('no-such-group'), /no-such-group: no such group/);
  });

  it('what only asks is told from what acts', () => {
    const asks = [
      'show drops',
      'ifconfig',
      'ifconfig -a',
      'ifconfig veb0',
      'ifconfig veb0 addr',
      'route -n show',
      'route get 10.0.0.1',
      'ip route',
      'ip -6 addr show',
      'sysctl -a',
      'netstat -i',
      'arp -an',
      'arp -V 1 -a',
      'ndp fd00::1',
      'show running',
      'ip sr tunsrc show',
    ];
    const acts = [
      'ifconfig veb0 up',
      'ifconfig veb0 flush',
      'route add 10.0.0.0/8 10.0.0.1',
      'ip link set tap0 up',
      'sysctl smrouter.idle=spin',
      'arp -d 10.0.0.1',
      'arp -nd 10.0.0.1',
      'ndp -s fd00::1 02:00:00:00:00:01',
      'ping 10.0.0.1',
      'inject mem0 00',
      'reload',
      'shutdown',
      'show running secrets',
      'ip sr hmac show',
      'ip sr hm',
      'frobnicate',
      '',
    ];
    for (const words of asks) assert.equal(onlyAsks(words.split(' ')), true, words);
    for (const words of acts) assert.equal(onlyAsks(words.split(' ')), false, words);
  });
});
