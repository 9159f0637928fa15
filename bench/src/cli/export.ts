import { Option, type Command } from 'commander';
import { noteLine, printJson, printLine } from './io.js';
import { choiceOption, inputOption, integerOption, textOption } from './options.js';
import { subjectFlags } from './profile.js';
import type { Session } from './program.js';

interface ExportFlags {
  readonly onnx: string;
  readonly input?: [number, number, number];
  readonly classes?: number;
  readonly batch?: number;
  readonly opset?: number;
  readonly layout?: 'nhwc' | 'nchw';
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `convkit export <model> --onnx out.onnx`: a model for onnxruntime. */
export function addExport(program: Command, session: Session): void {
  program
    .command('export')
    .description('a model as an ONNX file, batch norms folded, for onnxruntime')
    .argument('<model>', 'the model.json of a saved layers model, or a name of convkit list (with the weights of a new network)')
    .addOption(textOption('--onnx <file>', 'where the ONNX file goes').makeOptionMandatory())
    .addOption(inputOption())
    .addOption(integerOption('--classes <n>', 'outputs of the classifier', { min: 1, max: 1_000_000 }))
    .addOption(integerOption('--batch <n>', 'images a run (default: any)', { min: 1, max: 65_536 }))
    .addOption(integerOption('--opset <n>', 'version of ONNX operators; higher where the model needs it (default: 17)', { min: 17, max: 22 }))
    .addOption(choiceOption('--layout <name>', 'how input images lie: as in tfjs or as in PyTorch (default: nhwc)', ['nhwc', 'nchw']))
    .addOption(new Option('--force', 'replace a file that is there already'))
    .addOption(new Option('--json', 'one JSON object'))
    .action(async (name: string, flags: ExportFlags) => {
      const { io } = session;
      const { exportModel } = await import('../suites/export-model.js');
      const { batch, opset, layout, force = false } = flags;
      const options = { ...(batch === undefined ? {} : { batch }), ...(opset === undefined ? {} : { opset }), ...(layout === undefined ? {} : { inputLayout: layout }) };
      const report = await exportModel({ subject: { name, ...subjectFlags(flags) }, out: flags.onnx, cwd: io.cwd, force, options, signal: io.signal });
      if (report.family !== 'user') noteLine(io, `${report.model} has the weights of a new network; \`convkit import\` makes a model.json with trained ones`);
      if (flags.json === true) printJson(io, report);
      else printLine(io, `${report.file}: ${report.model}, ${(report.bytes / 1e6).toFixed(1)} MB`);
    });
}
