import type { InputArtifact } from '@sonde/executor';
import { axisText } from '../shared/axes.ts';

/** How rows name what a collected artifact is about, and how plots call it. */
export interface Naming {
  /** Its model and every other axis that varies, but for one that is drawn as such. */
  nameOf(source: InputArtifact, drawn?: string): string;
  /** The model that a name is about; undefined where no axis says it. */
  modelOf(name: string): string | undefined;
  /** Labels by name: short, unless two names would share one. */
  labelsOf(names: readonly string[]): Map<string, string>;
}

/**
 * Names artifacts apart from one another: an axis of one value in all of them says nothing and is left out. `only` is the
 * model where there is but one: what things are called that no axis tells apart.
 */
export function namingOf(sources: readonly InputArtifact[], only?: string): Naming {
  const values = new Map<string, Set<string>>();
  for (const { axes } of sources) {
    for (const [axis, value] of Object.entries(axes)) {
      values.set(axis, (values.get(axis) ?? new Set()).add(JSON.stringify(value)));
    }
  }
  const varying = [...values].filter(([, { size }]) => size > 1).map(([axis]) => axis);
  const shortOf = new Map<string, string>();
  const models = new Map<string, string | undefined>();
  return {
    nameOf({ axes }, drawn) {
      const others = (
        varying.length === 0 && axes.model === undefined && only === undefined ? Object.keys(axes) : varying
      )
        .filter((axis) => axis !== 'model' && axis !== drawn && axes[axis] !== undefined)
        .sort()
        .map((axis) => `${axis} ${axisText(axes[axis])}`);
      const named = axes.model !== undefined ? axisText(axes.model) : others.length === 0 ? only : undefined;
      const model = named === undefined ? [] : [named];
      const name = [...model, ...others].join(', ') || 'model';
      models.set(name, model[0]);
      shortOf.set(name, [...model.map(shortLabel), ...others].join(', ') || 'model');
      return name;
    },
    modelOf: (name) => models.get(name),
    labelsOf(names) {
      const short = names.map((name) => shortOf.get(name) ?? name);
      return new Map(
        names.map((name, i) => [name, short.filter((label) => label === short[i]).length === 1 ? short[i]! : name]),
      );
    },
  };
}

/** A reference without what all share: `embedded:`, folders. */
function shortLabel(name: string): string {
  return name
    .split(' + ')
    .map(
      (part) =>
        part
          .replace(/^embedded:/, '')
          .replace(/^hf:/, '')
          .split('/')
          .filter(Boolean)
          .at(-1) ?? part,
    )
    .join(' + ');
}
