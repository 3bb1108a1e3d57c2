/**
 * The status page: asks /status.json once a second and draws what it says. Runs in a browser; nothing is loaded from elsewhere.
 */
import { html, plot, short, sparkline } from './svg.js';
import { topology } from './topology.js';

const PERIOD_MS = 1000;
/** Points that a plot keeps: two minutes. */
const ROOM = 120;

/** Past rates by key. */
const history = new Map();
let before;

const place = (id) => document.getElementById(id);

/** Adds a rate to its series and returns the series. */
function remember(key, rate) {
  const values = history.get(key) ?? [];
  values.push(rate);
  if (values.length > ROOM) values.shift();
  history.set(key, values);
  return values;
}

/** A table of rows of cells; a cell is text, a number's text (right-aligned) or an element. */
function table(heads, rows, empty) {
  if (rows.length === 0) return html('p', 'muted', empty);
  const numeric = heads.map((head) => head.startsWith('#'));
  const cells = (name, row) =>
    row.map((cell, n) => html(name, numeric[n] ? 'number' : '', typeof cell === 'object' ? cell : String(cell)));
  const head = html(
    'tr',
    '',
    ...cells(
      'th',
      heads.map((h) => h.replace('#', '')),
    ),
  );
  return html(
    'table',
    '',
    html('thead', '', head),
    html('tbody', '', ...rows.map((r) => html('tr', '', ...cells('td', r)))),
  );
}

/** 90061000 → `1 d 1 h 1 min`. */
function duration(ms) {
  const minutes = Math.floor(ms / 60_000);
  const [d, h, m] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (minutes === 0) return `${Math.floor(ms / 1000)} s`;
  return [d > 0 ? `${d} d` : '', h > 0 ? `${h} h` : '', `${m} min`].filter((part) => part !== '').join(' ');
}

function draw(now) {
  // The daemon gives an answer again to those who ask soon after another.
  if (now.uptimeMs === before?.uptimeMs) return;
  const seconds = before === undefined ? 0 : (now.uptimeMs - before.uptimeMs) / 1000;
  // Counters of an interface that is new, or was made again, begin at 0.
  const rate = (value, earlier) => (seconds > 0 ? Math.max(0, (value - (earlier ?? 0)) / seconds) : 0);
  const was = new Map(before?.interfaces.map((i) => [i.name, i]));

  const state = place('state');
  state.textContent = now.ready ? 'forwarding' : now.why.join('; ');
  state.className = `pill ${now.ready ? 'good' : 'bad'}`;
  place('uptime').textContent = `up ${duration(now.uptimeMs)}`;

  const total = { in: 0, out: 0, bits: 0, drops: 0 };
  const interfaces = now.interfaces.map((i) => {
    const old = was.get(i.name);
    const [ipps, opps] = [rate(i.ipackets, old?.ipackets), rate(i.opackets, old?.opackets)];
    const [ibps, obps] = [8 * rate(i.ibytes, old?.ibytes), 8 * rate(i.obytes, old?.obytes)];
    const dps = rate(i.drops, old?.drops);
    const device = i.type !== 'veb' && i.type !== 'vport' && i.type !== 'lo' && i.type !== 'rport';
    if (device) {
      total.in += ipps;
      total.out += opps;
      total.bits += ibps;
    }
    total.drops += dps;
    const spark = sparkline(remember(`if ${i.name}`, ipps + opps), ROOM, 'in');
    const link = i.running ? html('span', 'good', 'running') : html('span', 'muted', i.up ? 'up' : 'down');
    const where = i.veb === '' ? `rdomain ${i.rdomain}` : i.veb;
    const about = i.description === '' ? i.addresses.join(' ') : i.description;
    return [i.name, i.type, link, where, short(ipps), short(opps), short(ibps), short(obps), short(dps), spark, about];
  });
  place('interfaces').replaceChildren(
    table(
      ['name', 'type', 'link', 'where', '#in/s', '#out/s', '#in bit/s', '#out bit/s', '#drops/s', '', 'about'],
      interfaces,
      'none',
    ),
  );

  const tile = (label, value) => html('div', 'tile', html('b', '', value), html('span', 'muted', label));
  place('tiles').replaceChildren(
    tile('frames/s in', short(total.in)),
    tile('frames/s out', short(total.out)),
    tile('bit/s in', short(total.bits)),
    tile('drops/s', short(total.drops)),
    tile('interfaces', String(now.interfaces.length)),
    tile('workers', String(now.workers.length)),
  );
  place('traffic').replaceChildren(
    ...plot(
      [
        { name: 'received', className: 'in', values: remember('in', total.in) },
        { name: 'sent', className: 'out', values: remember('out', total.out) },
        { name: 'dropped', className: 'dropped', values: remember('drops', total.drops) },
      ],
      ROOM,
    ),
  );
  place('topology').replaceChildren(topology(now.interfaces));

  const dropped = new Map(before?.drops.map((d) => [`${d.interface} ${d.reason}`, d.frames]));
  const drops = [...now.drops]
    .sort((a, b) => b.frames - a.frames)
    .map((d) => {
      const key = `${d.interface} ${d.reason}`;
      const persecond = rate(d.frames, before === undefined ? d.frames : dropped.get(key));
      return [
        d.interface,
        d.reason,
        short(persecond),
        short(d.frames),
        sparkline(remember(`drop ${key}`, persecond), ROOM, 'dropped'),
      ];
    });
  place('drops').replaceChildren(
    table(['interface', 'reason', '#per second', '#in all', ''], drops, 'nothing has been dropped'),
  );

  const workers = now.workers.map((w) => {
    const old = before?.workers[w.worker];
    const busy = Math.min(100, 100 * rate(w.busySeconds, old?.busySeconds ?? w.busySeconds));
    const [frames, bursts] = [rate(w.frames, old?.frames), rate(w.bursts, old?.bursts)];
    const fill = html('i');
    fill.style.width = `${busy}%`;
    const bar = html('span', '', html('span', 'bar', fill), ` ${busy.toFixed(0)} %`);
    const burst = bursts > 0 ? (frames / bursts).toFixed(1) : '–';
    const link = w.forwarding ? html('span', 'good', 'forwarding') : html('span', 'bad', 'not running');
    return [w.worker, link, bar, short(frames), burst, w.silentMs, short(w.freeFrames), short(w.freeSuperframes)];
  });
  const heads = [
    'worker',
    'state',
    'busy',
    '#frames/s',
    '#per burst',
    '#silent ms',
    '#free slots',
    '#superframe slots',
  ];
  place('workers').replaceChildren(table(heads, workers, 'none'));
  const { epoch, deferredObjects, deferredBytes } = now.smr;
  const waiting = `epoch ${epoch}; ${deferredObjects} objects (${short(deferredBytes)} bytes) wait for a grace period`;
  place('smr').textContent = waiting;
  before = now;
}

async function turn() {
  try {
    const answer = await fetch('status.json', { cache: 'no-store', signal: AbortSignal.timeout(5000) });
    draw(await answer.json());
  } catch (error) {
    const state = place('state');
    state.textContent = `no answer (${error.message})`;
    state.className = 'pill bad';
  }
  setTimeout(turn, PERIOD_MS);
}

turn();
