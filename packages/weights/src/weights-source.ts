import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { option, readOptions } from '@convkit/core';
import { printable, reasonOf } from '@convkit/data';
import { cacheDirectory, type DownloadProgress } from '@convkit/data/node';
import { PretrainedError } from './pretrained-error.js';
import { cachedFile, type Remote } from './weights-cache.js';

export interface WeightsSourceOptions {
  /**
   * Where the weights are: a `.safetensors` file (or the `.index.json` of a sharded one), an `https://` address, or a hub id such as
   * `timm/resnet50.a1_in1k`, for which `@huggingface/hub` must be installed.
   */
  from: string;
  /** Branch, tag or commit on the hub. Default 'main'. */
  revision?: string;
  /** File in the hub's repository. Default 'model.safetensors'. */
  file?: string;
  /** What the file's SHA-256 must be, in hexadecimal. Default: what the hub announces, or none. */
  sha256?: string;
  /** Token of the hub, for what is not public. Default: the environment variable HF_TOKEN. */
  accessToken?: string;
  /** Address of the hub. Default: the environment variable HF_ENDPOINT, or https://huggingface.co. */
  hubUrl?: string;
  /** Where downloads are kept. Default: `convkit/weights` in the user's cache folder. */
  cacheDirectory?: string;
  /** Download again what is in the cache. Default false. */
  refresh?: boolean;
  /** Longest time without a byte while downloading, in ms. Default 30000. */
  stallTimeoutMs?: number;
  /** Longest time for a download, in ms. Default 3600000. */
  timeoutMs?: number;
  /** Called for every piece that arrives. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Stops a download. */
  signal?: AbortSignal;
}

const milliseconds = option.integer(1);
export const sourceEntries = {
  from: option.text(),
  revision: option.withDefault(option.text(), 'main'),
  file: option.withDefault(option.text(), 'model.safetensors'),
  sha256: option.optional(option.text()),
  accessToken: option.optional(option.text()),
  hubUrl: option.optional(option.text()),
  cacheDirectory: option.optional(option.text()),
  refresh: option.withDefault(option.boolean(), false),
  stallTimeoutMs: option.withDefault(milliseconds, 30_000),
  timeoutMs: option.withDefault(milliseconds, 3_600_000),
} as const;

/** A file on this machine, and what a person should know about how it got here. */
export interface FoundWeights {
  readonly path: string;
  readonly notes: readonly string[];
}

/**
 * Finds a weight file: on this disk, in the cache, or by downloading it into the cache.
 * @throws PretrainedError with what was tried and the way out; the reason of `signal` when that was aborted.
 */
export async function findWeights({ onProgress, signal, ...given }: WeightsSourceOptions): Promise<FoundWeights> {
  const { from, refresh, stallTimeoutMs, timeoutMs, ...options } = readOptions('loadPretrained', sourceEntries, given);
  const sha256 = options.sha256?.toLowerCase();
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) throw new PretrainedError('ERR_WEIGHTS_SOURCE', `loadPretrained: sha256 must be 64 hexadecimal digits, got "${printable(sha256)}"`);
  const remote = await remoteOf(from, { ...options, sha256, signal, stallTimeoutMs });
  if (remote === undefined) return { path: from, notes: [] };
  return cachedFile(remote, { directory: options.cacheDirectory ?? cacheDirectory('weights'), refresh, stallTimeoutMs, timeoutMs, onProgress, signal });
}

type HubOptions = { revision: string; file: string; sha256?: string | undefined; accessToken?: string | undefined; hubUrl?: string | undefined; signal?: AbortSignal | undefined; stallTimeoutMs: number };

/** What has to be downloaded; nothing where `from` is a file. */
async function remoteOf(from: string, options: HubOptions): Promise<Remote | undefined> {
  if (/^https?:\/\//i.test(from)) return addressOf(from, options.sha256);
  if (await stat(from).then(() => true, () => false)) return undefined;
  const id = /^(?:hf:)?([\w.-]{1,96}\/[\w.-]{1,96})$/.exec(from)?.[1];
  if (id !== undefined && !/\.(safetensors|json|pth?|bin)$/.test(id) && !/(^|\/)\.\.?(\/|$)/.test(id)) return hubFile(id, options);
  const hint = /\.(safetensors|json|pth?|bin|h5)$/i.test(from) ? 'there is no such file' : 'this is none of them';
  throw new PretrainedError('ERR_WEIGHTS_SOURCE', `loadPretrained: from must be a .safetensors file, an https:// address or a hub id such as timm/resnet50.a1_in1k, got "${printable(from)}": ${hint}`);
}

function addressOf(address: string, sha256: string | undefined): Remote {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new PretrainedError('ERR_WEIGHTS_SOURCE', `loadPretrained: from must be an address, got "${printable(address)}"`);
  }
  const path = url.pathname.split('/').filter(Boolean);
  const name = basename(path.at(-1) ?? '').replace(/[^\w.-]/g, '_') || 'model.safetensors';
  return { key: [url.host.replace(/[^\w.-]/g, '_')], unique: url.href, name, url: url.href, locate: async () => ({ url: url.href, sha256 }), sha256 };
}

/** A file of a repository on the hub. The hub's own client finds it; the download is ours, which goes on where it broke off. */
function hubFile(id: string, { revision, file, sha256, accessToken = process.env['HF_TOKEN'] || undefined, hubUrl = process.env['HF_ENDPOINT'] || undefined, signal, stallTimeoutMs }: HubOptions): Remote {
  const url = `${hubUrl ?? 'https://huggingface.co'}/${id}/resolve/${encodeURIComponent(revision)}/${file}`;
  const locate = async () => {
    const { fileDownloadInfo } = await import('@huggingface/hub').catch((cause: unknown) => {
      throw new PretrainedError('ERR_WEIGHTS_CLIENT', `loadPretrained: a hub id needs the hub's client library: npm install @huggingface/hub. Or download ${url} yourself and give the file`, { cause });
    });
    const limited: typeof fetch = (input, init) => fetch(input, { ...init, signal: AbortSignal.any([AbortSignal.timeout(stallTimeoutMs), ...(signal === undefined ? [] : [signal])]) });
    const info = await fileDownloadInfo({ repo: id, path: file, revision, fetch: limited, ...(accessToken === undefined ? {} : { accessToken }), ...(hubUrl === undefined ? {} : { hubUrl }) }).catch((cause: unknown) => {
      throw new PretrainedError('ERR_WEIGHTS_DOWNLOAD', `${url} could not be looked up: ${reasonOf(cause)}`, { cause });
    });
    if (info === null) throw new PretrainedError('ERR_WEIGHTS_SOURCE', `loadPretrained: ${id} has no file "${printable(file)}" at ${printable(revision)} (option file)`);
    // Large files are announced with their SHA-256, small ones with git's own hash.
    const announced = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(info.etag)?.[1];
    return { url: info.url, bytes: info.size, sha256: sha256 ?? announced, ...(accessToken === undefined ? {} : { headers: { authorization: `Bearer ${accessToken}` } }) };
  };
  return { key: ['hub', ...id.split('/'), revision.replace(/[^\w.-]/g, '_')], unique: url, name: file.replace(/[^\w.-]/g, '_'), url, locate, sha256 };
}
