import { resolve } from 'node:path';
import { replaceFile } from '@convkit/data/node';
import { toOnnx, type OnnxOptions } from '@convkit/onnx';
import { CommandError, messageOf } from '../errors.js';
import { checkOutputFile } from '../output-file.js';
import { isModelFile, openSubject, type SubjectRef } from './subject.js';

/** What was written where. */
export interface ExportReport {
  readonly model: string;
  readonly family: string;
  readonly file: string;
  readonly bytes: number;
}

/** Writes a model as an ONNX file, which appears whole or not at all. A variant of the zoo has the weights of a new network. */
export async function exportModel({ subject: ref, out, cwd, force, options, signal }: {
  subject: SubjectRef;
  out: string;
  cwd: string;
  force: boolean;
  options: Pick<OnnxOptions, 'batch' | 'opset' | 'inputLayout'>;
  signal: AbortSignal;
}): Promise<ExportReport> {
  const file = resolve(cwd, out);
  await checkOutputFile('--onnx', file, out, force);
  const { variant: model, family, build } = await openSubject(isModelFile(ref.name) ? { ...ref, name: resolve(cwd, ref.name) } : ref);
  const network = await build({ initialWeights: 'random', seed: 0 });
  try {
    const inputShape = family === 'user' && ref.inputShape !== undefined ? { inputShape: [...ref.inputShape] as [number, number, number] } : {};
    const bytes = await toOnnx(network, { ...options, ...inputShape, metadata: { model, family } });
    signal.throwIfAborted();
    await replaceFile(file, bytes).catch((error: unknown) => {
      throw new CommandError('environment', `the ONNX file could not be written to ${out}: ${messageOf(error)}`);
    });
    return { model, family, file: out, bytes: bytes.length };
  } finally {
    network.dispose();
  }
}
