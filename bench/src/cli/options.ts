import { Option, type Command } from 'commander';
import { CommandError } from '../errors.js';
import { nearest } from '../nearest.js';

/** A flag with a decimal integer. Number('') is 0, parseInt takes 3abc and Number takes 0x10: none of them is used. */
export function integerOption(flags: string, description: string, range: { min: number; max?: number }): Option {
  return valueOption(flags, description, (value, name) => readInteger(name, value, range));
}

/** A flag with a decimal number, an exponent allowed. */
export function numberOption(flags: string, description: string, range: { above?: number; min?: number; max: number }): Option {
  return valueOption(flags, description, (value, name) => {
    const number = /^\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
    const low = range.above === undefined ? number >= (range.min ?? 0) : number > range.above;
    if (low && number <= range.max) return number;
    const allowed = `a number ${range.above === undefined ? `from ${range.min ?? 0}` : `above ${range.above}`} to ${range.max}`;
    throw wrongValue(name, allowed, value);
  });
}

/** A flag with one word out of a list. */
export function choiceOption<const C extends string>(flags: string, description: string, choices: readonly C[]): Option {
  return valueOption(flags, `${description} (${choices.join(', ')})`, (value, name) => {
    if ((choices as readonly string[]).includes(value)) return value;
    const [closest] = nearest(value, choices);
    throw wrongValue(name, `one of ${choices.join(', ')}`, value, closest === undefined ? undefined : `did you mean ${closest}?`);
  });
}

/** A flag with a comma-separated list, each part read by `read`. */
export function listOption<T>(flags: string, description: string, read: (part: string, name: string) => T): Option {
  return valueOption(flags, description, (value, name) => {
    const parts = value.split(',').map((part) => part.trim());
    if (parts.includes('')) throw wrongValue(name, 'a comma-separated list without gaps', value);
    // The same part twice is merged: it would only measure the same thing again.
    return [...new Set(parts)].map((part) => read(part, name));
  });
}

/** A flag with any text that is not empty. */
export function textOption(flags: string, description: string): Option {
  return valueOption(flags, description, (value) => value);
}

/** `--input HxWxC`. */
export function inputOption(description = 'input size, e.g. 224x224x3 (default: the variant\'s own)'): Option {
  return valueOption('--input <HxWxC>', description, (value, name) => {
    const match = /^(\d{1,6})x(\d{1,6})x(\d{1,6})$/.exec(value);
    const shape = match?.slice(1).map(Number);
    if (shape === undefined || shape.some((size) => size < 1)) throw wrongValue(name, '3 positive integers HxWxC, such as 224x224x3', value);
    return shape as [number, number, number];
  });
}

/** Reads a decimal integer inside a range, or throws wrong usage that names the flag. */
export function readInteger(name: string, value: string, { min, max }: { min: number; max?: number }): number {
  const integer = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(integer) && integer >= min && integer <= (max ?? Number.MAX_SAFE_INTEGER)) return integer;
  throw wrongValue(name, max === undefined ? `an integer >= ${min}` : `an integer from ${min} to ${max}`, value);
}

/** Makes every flag of a command and of its subcommands wrong usage when given twice (the last one would win in silence). */
export function refuseRepeatedFlags(command: Command): void {
  for (const option of command.options) {
    let given = false;
    command.on(`option:${option.name()}`, () => {
      if (given) throw new CommandError('usage', `${option.long ?? option.flags} must be given once, got it twice`);
      given = true;
    });
  }
  for (const subcommand of command.commands) refuseRepeatedFlags(subcommand);
}

function valueOption<T>(flags: string, description: string, read: (value: string, name: string) => T): Option {
  const option = new Option(flags, description);
  const name = option.long ?? flags;
  return option.argParser((value: string) => {
    // commander hands over the next flag when a value was forgotten.
    if (value.trim() === '' || /^--?[a-z]/i.test(value)) {
      throw new CommandError('usage', `${name} must be followed by a value, got ${value === '' ? 'nothing' : JSON.stringify(value)}`);
    }
    return read(value, name);
  });
}

function wrongValue(name: string, allowed: string, value: string, hint?: string): CommandError {
  return new CommandError('usage', `${name} must be ${allowed}, got ${JSON.stringify(value)}`, hint);
}
