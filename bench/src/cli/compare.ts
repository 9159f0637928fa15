import { Option, type Command } from 'commander';
import { bytes, integer } from '@convkit/profile/numbers';
import type { ProfiledSubject } from '../suites/describe.js';
import { shape } from './format.js';
import { printJson, printLine } from './io.js';
import { inputOption, integerOption } from './options.js';
import { subjectFlags } from './profile.js';
import type { Session } from './program.js';
import { table } from './table.js';

/** More columns than this do not fit side by side into 80 characters. */
const MODELS_ABREAST = 3;

/** `convkit compare a b c`: their costs side by side. */
export function addCompare(program: Command, session: Session): void {
  program
    .command('compare')
    .description('costs of several models side by side')
    .argument('<model...>', 'names of convkit list, or model.json files')
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(new Option('--json', 'one JSON array'))
    .action(async (names: string[], flags: { input?: [number, number, number]; classes?: number; json?: boolean }) => {
      const { profileSubject } = await import('../suites/describe.js');
      const found: ProfiledSubject[] = [];
      for (const name of names) found.push(await profileSubject({ name, ...subjectFlags(flags) }));
      if (flags.json === true) {
        printJson(session.io, found.map(({ family, profile: { layers: _, model, ...totals } }) => ({ model, family, ...totals })));
        return;
      }
      for (let first = 0; first < found.length; first += MODELS_ABREAST) {
        const abreast = found.slice(first, first + MODELS_ABREAST);
        const row = (title: string, value: (profile: ProfiledSubject['profile']) => string): string[] => [title, ...abreast.map(({ profile }) => value(profile))];
        printLine(session.io, table([{ title: '' }, ...abreast.map(({ profile }) => ({ title: profile.model, right: true }))], [
          ['family', ...abreast.map(({ family }) => family)],
          row('input', (p) => shape(p.input)),
          row('classes', (p) => p.classes === null ? 'several outputs' : integer(p.classes)),
          row('parameters', (p) => integer(p.params)),
          row('running statistics', (p) => integer(p.runningStats)),
          row('weights', (p) => bytes(p.weightsBytes)),
          row('MACs', (p) => integer(p.macs)),
          row('FLOPs', (p) => integer(p.flops)),
          row('activations', (p) => integer(p.activations)),
          row('peak activations', (p) => bytes(p.peakActivationBytes)),
          row('FLOP per byte', (p) => p.arithmeticIntensity.toFixed(1)),
          row('receptive field', (p) => `${integer(p.receptiveField)} px`),
          row('effective stride', (p) => integer(p.effectiveStride)),
        ]));
        if (first + MODELS_ABREAST < found.length) printLine(session.io, '');
      }
    });
}
