/**
 * The picture of what is connected to what: bridges with their ports at the left, routing domains with their interfaces at the
 * right; a vport is in both. Runs in a browser.
 */
import { svg } from './svg.js';

const CHIP = { width: 92, height: 24, gap: 8 };
const BOX = { width: 420, head: 26, pad: 10, gap: 18 };
const RIGHT = 600;
const PER_ROW = Math.floor((BOX.width - 2 * BOX.pad + CHIP.gap) / (CHIP.width + CHIP.gap));

/** A box with a title and chips; returns its height, and remembers in `places` where each chip is. */
function box(picture, x, y, title, note, chips, places) {
  const rows = Math.max(1, Math.ceil(chips.length / PER_ROW));
  const height = BOX.head + rows * (CHIP.height + CHIP.gap) + BOX.pad;
  picture.append(svg('rect', { x, y, width: BOX.width, height, rx: 8, class: 'box' }));
  picture.append(svg('text', { x: x + BOX.pad, y: y + 18, 'font-weight': 'bold' }, title));
  const aside = { x: x + BOX.width - BOX.pad, y: y + 18, 'text-anchor': 'end', class: 'muted' };
  picture.append(svg('text', aside, note));
  chips.forEach((chip, n) => {
    const left = x + BOX.pad + (n % PER_ROW) * (CHIP.width + CHIP.gap);
    const top = y + BOX.head + Math.floor(n / PER_ROW) * (CHIP.height + CHIP.gap);
    const state = chip.running ? '' : ' down';
    const rect = svg('rect', { x: left, y: top, width: CHIP.width, height: CHIP.height, rx: 5, class: `chip${state}` });
    rect.append(svg('title', {}, `${chip.name}: ${chip.type}, ${chip.running ? 'running' : 'not running'}`));
    picture.append(rect);
    const name = chip.span ? `${chip.name} (span)` : chip.name;
    picture.append(svg('text', { x: left + CHIP.width / 2, y: top + 16, 'text-anchor': 'middle' }, name));
    places.push({ name: chip.name, side: x === 0 ? 'left' : 'right', x: left, y: top + CHIP.height / 2 });
  });
  return height;
}

/** A curve from the lower edge of one chip to another, or to its left side where that is in the other column. */
function link(from, to) {
  const [x1, y1] = [from.x + CHIP.width / 2, from.y + CHIP.height / 2];
  const across = from.side !== to.side;
  const [x2, y2] = across ? [to.x, to.y] : [to.x + CHIP.width / 2, to.y - CHIP.height / 2];
  const [bx, by] = across ? [x2 - 120, y2] : [x2, y2 - 30];
  return svg('path', { d: `M${x1} ${y1} C${x1} ${y1 + 30} ${bx} ${by} ${x2} ${y2}`, class: 'link' });
}

/** The picture of `interfaces`, as /status.json has them. */
export function topology(interfaces) {
  const picture = svg('svg', { role: 'img', 'aria-label': 'bridges and routing domains' });
  const places = [];
  let left = 0;
  for (const veb of interfaces.filter(({ type }) => type === 'veb')) {
    const ports = interfaces.filter((i) => i.veb === veb.name);
    const note = veb.running ? 'bridge' : 'bridge, down';
    left += box(picture, 0, left, veb.name, note, ports, places) + BOX.gap;
  }
  let right = 0;
  const routed = interfaces.filter((i) => i.type !== 'veb' && (i.veb === '' || i.type === 'vport'));
  for (const rdomain of [...new Set(routed.map((i) => i.rdomain))].sort((a, b) => a - b)) {
    const members = routed.filter((i) => i.rdomain === rdomain);
    right += box(picture, RIGHT, right, `rdomain ${rdomain}`, 'routing domain', members, places) + BOX.gap;
  }
  const find = (name, side) => places.find((p) => p.name === name && p.side === side);
  for (const { name, type, peer } of interfaces) {
    const there = find(name, 'right');
    const from = type === 'vport' ? find(name, 'left') : undefined;
    if (from !== undefined && there !== undefined) picture.append(link(from, there));
    const other = peer > name ? find(peer, 'right') : undefined;
    if (there !== undefined && other !== undefined) picture.append(link(there, other));
  }
  picture.setAttribute('viewBox', `-2 -2 ${RIGHT + BOX.width + 4} ${Math.max(left, right, BOX.gap) - BOX.gap + 4}`);
  return picture;
}
