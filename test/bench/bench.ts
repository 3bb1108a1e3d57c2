/**
 * What every bench is: a name, a function that measures once, and one line of result. No bench passes or fails anything.
 */
import { cpus, release } from 'node:os';

/** What a bench found. */
export interface Measured {
  readonly value: number;
  readonly unit: string;
  /** ours / theirs of the same run, higher is better. */
  readonly ratio?: number;
  /** What was measured beside it. */
  readonly peer?: string;
  /** The floor of this machine, in the same unit. */
  readonly limit?: number;
  /** Whatever else a reader should know. */
  readonly note?: string;
  /** Further figures of the same bench. */
  readonly more?: readonly Measured[];
}

/** One bench. `run` resolves to its figures, or to why it cannot run here. */
export interface Bench {
  readonly name: string;
  readonly about: string;
  run(): Promise<Measured | string>;
}

/** The one line that `--json` prints. */
export function resultLine(bench: string, measured: Measured): string {
  const where = { cpu: cpus()[0]?.model ?? '?', kernel: release(), node: process.version };
  const { value, unit, limit, ratio, peer, note, more } = measured;
  return JSON.stringify({ bench, value, unit, limit, ratio, peer, note, more, ...where });
}

/** Middle of a list; the mean of the two middles for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[half] as number)
    : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

/** Least and most of a list, as text. */
export function span(values: readonly number[]): string {
  return values.length === 0 ? 'none' : `${round(Math.min(...values))}–${round(Math.max(...values))}`;
}

/** Median of ours / theirs, round by round; for figures where less is better, give theirs first. */
export function medianRatio(over: readonly number[], under: readonly number[]): number {
  return round(median(over.map((value, n) => value / (under[n] as number))));
}

/** Three figures and a unit. */
export function round(value: number): number {
  return Number(value.toPrecision(3));
}

/** Runs `measures` one after the other, `rounds` times. Returns what each of them found, round by round. */
export async function inTurn<T>(rounds: number, measures: readonly (() => T | Promise<T>)[]): Promise<T[][]> {
  const found: T[][] = measures.map(() => []);
  for (let i = 0; i < rounds; i++) {
    for (const [n, measure] of measures.entries()) (found[n] as T[]).push(await measure());
  }
  return found;
}

/** Runs `a` and `b` in turn, `pairs` times each, and gives the medians of what they return and of the ratio a / b. */
export async function interleaved(
  pairs: number,
  a: () => number | Promise<number>,
  b: () => number | Promise<number>,
): Promise<{ a: number; b: number; ratio: number; spread: string }> {
  const [as = [], bs = []] = await inTurn(pairs, [a, b]);
  const spread = `${pairs} pairs, ours ${span(as)}, peer ${span(bs)}`;
  return { a: median(as), b: median(bs), ratio: medianRatio(as, bs), spread };
}
