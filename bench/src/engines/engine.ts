import type { LayersModel } from '@tensorflow/tfjs-layers';

/** Why an engine cannot run here, in one line, and what would change that. */
export interface Unavailable {
  readonly reason: string;
  readonly hint?: string;
}

/** What one run put out; read it to wait for the device, dispose it either way. */
export interface Output {
  /** Waits until the values are computed. The first output, [N, ...] row major. */
  read(): Promise<Float32Array>;
  dispose(): void;
}

/** What the engine holds now; undefined where it does not tell. */
export interface HeldMemory {
  readonly bytes: number | undefined;
  readonly tensors: number | undefined;
}

/** What a record says of the runtime below an engine, beside tfjs' own version and flags. */
export interface Runtime {
  /** Undefined where a GPU computes. */
  readonly threads?: number;
  readonly flags: Readonly<Record<string, string>>;
}

/** A model made ready on one engine for one batch size. */
export interface Runner {
  /** One inference. `input` is [N, H, W, C] row major and is not kept. The device may still be busy when this resolves. */
  run(input: Float32Array): Promise<Output>;
  /** Resolves when the device has nothing left to do. */
  sync(): Promise<void>;
  memory(): HeldMemory;
  /** Largest number of bytes in tensors during one (untimed, slower) run; undefined where it cannot be seen. */
  peakBytes?(input: Float32Array): Promise<number>;
  readonly runtime?: Runtime;
  dispose(): void | Promise<void>;
}

/** How a model is made ready. */
export interface LoadOptions {
  readonly batch: number;
  /** Threads inside an operation; engines with one thread leave it unread. Default: one a core. */
  readonly threads?: number;
}

/** What an engine computes on, where that is not simply the processor. */
export interface Device {
  readonly name: string;
  /** A GPU that the processor imitates: right, and slower than the processor itself. `auto` passes it over. */
  readonly software: boolean;
}

/** Something that runs models. */
export interface Engine {
  readonly id: string;
  /** The tfjs backend or the runtime below it. */
  readonly backend: string;
  /** Whether `LoadOptions.threads` means anything to it. */
  readonly threaded?: boolean;
  /** Whether it can run, without making it current or loading native code into this process. */
  available(): Promise<true | Unavailable>;
  /** What it found to compute on; undefined where there is nothing to say, or it cannot run. */
  device?(): Promise<Device | undefined>;
  /** Makes it ready in this process, before a model is built for it. Throws when it cannot run. */
  start?(options: Pick<LoadOptions, 'threads'>): Promise<void>;
  load(model: LayersModel, options: LoadOptions): Promise<Runner>;
}
