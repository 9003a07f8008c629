import { type JsonObject, UserError } from '@sonde/base';
import { map, optional, text } from '@sonde/pipeline';
import { axesText, axisText, partnersOf } from './axes.ts';

export const contrast = optional(
  map(text({ minLength: 1 }), {
    minProperties: 1,
    description:
      'Axis → the value (its name, where it is a map) of a setting whose change the changes of all others are held against, for example `{ model: embedded:parlour-base }`: a difference of differences, prompt by prompt, among settings that are equal on all other axes.',
  }),
);

/**
 * The setting that differs from this one in `contrast` alone; undefined where it is that one itself.
 *
 * @throws UserError where none does, or several
 */
export function contrastOf<Setting extends { readonly axes: JsonObject }>(
  setting: Setting,
  settings: readonly Setting[],
  wanted: Readonly<Record<string, string>>,
): Setting | undefined {
  const isNamed = ({ axes }: Setting): boolean =>
    Object.entries(wanted).every(([name, value]) => axes[name] !== undefined && axisText(axes[name]) === value);
  if (isNamed(setting)) return undefined;
  const others = Object.fromEntries(Object.entries(setting.axes).filter(([name]) => !(name in wanted)));
  const found = settings.filter((each) => isNamed(each) && partnersOf({ axes: others }, [each]).length > 0);
  if (found.length === 1) return found[0]!;
  throw new UserError(
    'config',
    `${found.length} settings are as ${axesText(setting)} but for \`contrast\` ${JSON.stringify(wanted)}; it needs one`,
    `The settings are: ${settings.map(axesText).join('; ')}.`,
  );
}
