/** Flags whose value says where on this machine, which changes no figure and is nobody's business. */
const LOCAL_FLAGS = new Set(['--out', '--port']);

/** The command of a record: runnable as written, quoted for a shell, folders of this machine left out. */
export function commandLine(argv: readonly string[]): string {
  const kept: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    const [flag = ''] = word.split('=', 1);
    if (LOCAL_FLAGS.has(flag)) {
      if (flag === word) index++;
      continue;
    }
    if (word === '--json' || word === '--debug') continue;
    kept.push(quoted(word.startsWith('-') ? word : withoutFolder(word)));
  }
  return ['npx convkit', ...kept].join(' ');
}

function withoutFolder(word: string): string {
  return /^(\/|[a-z]:\\|~)/i.test(word) ? (word.split(/[/\\]/).at(-1) ?? word) : word;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll('\'', '\'\\\'\'')}'`;
}
