const MAX_NAME = 200;
const MAX_PATH = 1000;
const MAX_DEPTH = 30;
/** Names that mean a device on Windows, whatever follows their first dot. */
const DEVICES = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[\d¹²³])(\..*)?$/i;
/** Control characters, marks of direction, halves of pairs: names with them are not what they look like. */
const UNSEEN = /[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}]/u;
/** What other programs read by themselves and obey: git its folder, a run on a cluster its profile. */
const OBEYED = /^(\.git|git~\d+|slurm\.yaml)$/;

function isUnsafePart(part: string): boolean {
  return (
    part === '' ||
    part === '.' ||
    part === '..' ||
    part.length > MAX_NAME ||
    UNSEEN.test(part) ||
    /[<>:"|?*\\]|[. ]$/.test(part) ||
    DEVICES.test(part) ||
    OBEYED.test(foldedForm(part))
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

/** What no file system tells apart: one may take letters for the same that another does not, or pass over characters. */
function foldedForm(name: string): string {
  const seen = name.normalize('NFKC').replace(/\p{Default_Ignorable_Code_Point}/gu, '');
  return seen.toUpperCase().toLowerCase().normalize('NFKC');
}
