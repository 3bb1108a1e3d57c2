/**
 * Configuration text to words: the file is a list of smrctl lines. `#` begins a comment at a word's start; single or double
 * quotes hold a word together; a backslash takes the next character as it is, at a line's end it joins the next line.
 */
import { ControlError } from '../errors.js';

/** One command of a file. */
export interface ConfigLine {
  /** Number of its first line, from 1. */
  readonly line: number;
  readonly words: readonly string[];
}

/** Splits one line into words. Throws EINVAL on an open quote. */
export function splitWords(line: string): string[] {
  const { words, joins } = split(line);
  if (joins) throw new ControlError('EINVAL', 'a backslash at the end, with no line after it');
  return words;
}

/** The words of a line, and whether it ends in a backslash that joins the next line to it. */
function split(line: string): { words: string[]; joins: boolean } {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  let joins = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] as string;
    const last = i + 1 === line.length;
    if (c === '\\' && last && quote !== "'") joins = true;
    else if (quote !== '') {
      if (c === quote) quote = '';
      else word += c === '\\' && quote === '"' ? (line[++i] as string) : c;
    } else if (c === ' ' || c === '\t' || c === '\r') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (c === '#' && word === undefined) {
      break;
    } else if (c === '"' || c === "'") {
      quote = c;
      word ??= '';
    } else {
      word = (word ?? '') + (c === '\\' ? (line[++i] as string) : c);
    }
  }
  if (quote !== '' && !joins) throw new ControlError('EINVAL', `no closing ${quote}`);
  if (word !== undefined) words.push(word);
  return { words, joins };
}

/** A word as it must be written to be read back as one. */
export function quoteWord(word: string): string {
  return /^[\w.:/,@%+=-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, (c) => `\\${c}`)}"`;
}

/** An error of a configuration text, with its place. */
export class ConfigError extends Error {
  readonly line: number;

  constructor(file: string, line: number, message: string) {
    super(`${file}:${line}: ${message}`);
    this.line = line;
  }
}

/** Splits a text into commands. Throws `ConfigError` on a line that cannot be split. */
export function splitConfig(file: string, text: string): ConfigLine[] {
  const commands: ConfigLine[] = [];
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const first = i + 1;
    let line = lines[i] as string;
    try {
      while (i + 1 < lines.length && split(line).joins) line = `${line.slice(0, -1)} ${lines[++i] as string}`;
      const words = splitWords(line);
      if (words.length > 0) commands.push({ line: first, words });
    } catch (error) {
      throw new ConfigError(file, first, (error as Error).message);
    }
  }
  return commands;
}
