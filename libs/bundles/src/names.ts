const MAX_NAME = 200;
const MAX_PATH = 1000;
const MAX_DEPTH = 30;
/** Names that mean a device on Windows, whatever follows their first dot. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

function isUnsafePart(part: string): boolean {
  return (
    part === '' ||
    part === '.' ||
    part === '..' ||
    part.length > MAX_NAME ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in a name
    /[\u0000-\u001f\u007f<>:"|?*\\]|[. ]$/.test(part) ||
    DEVICES.test(part)
  );
}

/** Whether a name is a path downwards, with `/`, that means the same file on every system. */
export function isSafePath(name: string): boolean {
  const parts = name.split('/');
  return name.length <= MAX_PATH && parts.length <= MAX_DEPTH && !parts.some(isUnsafePart);
}

/** The first path that cannot lie beside the others: the same but for case or composition, or below a file. */
export function clashOf(paths: readonly string[]): string | undefined {
  const folded = new Set<string>();
  for (const name of paths) {
    const form = foldedForm(name);
    if (folded.has(form)) return name;
    folded.add(form);
  }
  return paths.find((name) => {
    const parts = foldedForm(name).split('/');
    return parts.some((_, at) => at > 0 && folded.has(parts.slice(0, at).join('/')));
  });
}

function foldedForm(name: string): string {
  return name.normalize('NFC').toLowerCase();
}
