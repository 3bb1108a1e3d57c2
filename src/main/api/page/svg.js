/**
 * Drawing for the status page: elements, plots over time, sparklines. Runs in a browser.
 */

const SVG = 'http://www.w3.org/2000/svg';

/** An SVG element with attributes and, perhaps, text. */
export function svg(name, attributes = {}, text = '') {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}

/** An HTML element with a class and, perhaps, text or children. */
export function html(name, className = '', ...children) {
  const element = document.createElement(name);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

/** 1234567 → `1.23 M`. */
export function short(value) {
  if (value < 1000) return value < 10 && value % 1 !== 0 ? value.toFixed(1) : Math.round(value).toString();
  const power = Math.min(4, Math.floor(Math.log10(value) / 3));
  return `${(value / 1000 ** power).toPrecision(3)} ${['', 'k', 'M', 'G', 'T'][power]}`;
}

/** A line through `values`, the last one at the right edge, `most` at the top. */
function line(values, width, height, room, most, className) {
  const step = width / (room - 1);
  const start = width - (values.length - 1) * step;
  const points = values.map((v, n) => `${(start + n * step).toFixed(1)},${(height - (v / most) * height).toFixed(1)}`);
  return svg('polyline', { points: points.join(' '), class: className });
}

/** A small plot without axes. */
export function sparkline(values, room, className) {
  const [width, height] = [120, 18];
  const picture = svg('svg', { width, height, viewBox: `0 -1 ${width} ${height + 2}`, role: 'img' });
  picture.append(line(values, width, height, room, Math.max(1, ...values), className));
  return picture;
}

/** A plot of several series (`{name, className, values}`) with a scale and a legend. */
export function plot(series, room) {
  const [width, height, left] = [1100, 140, 60];
  const most = niceAbove(Math.max(1, ...series.flatMap(({ values }) => values)));
  const picture = svg('svg', { viewBox: `0 -10 ${width + left} ${height + 20}`, role: 'img' });
  for (const part of [0, 0.5, 1]) {
    const y = height - part * height;
    picture.append(svg('line', { x1: left, x2: left + width, y1: y, y2: y, class: 'grid' }));
    picture.append(svg('text', { x: left - 8, y: y + 4, 'text-anchor': 'end', class: 'muted' }, short(part * most)));
  }
  const lines = svg('g', { transform: `translate(${left} 0)` });
  for (const { values, className } of series) lines.append(line(values, width, height, room, most, className));
  picture.append(lines);
  const legend = html('div', 'legend');
  for (const { name, className, values } of series) {
    legend.append(html('span', '', html('i', className), `${name} ${short(values.at(-1) ?? 0)}/s`));
  }
  return [picture, legend];
}

/** The next of 1, 2, 5, 10, … at or above `value`. */
function niceAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((n) => n * power >= value) ?? 10);
}
