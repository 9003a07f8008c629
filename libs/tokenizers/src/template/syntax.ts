// What a template says, as it is read: the statements of its tags, and their expressions.

export interface Arguments {
  readonly args: readonly Expression[];
  readonly kwargs: readonly (readonly [string, Expression])[];
  readonly spread: Expression | null;
  readonly kwspread: Expression | null;
}

export type Expression =
  | { readonly kind: 'constant'; readonly value: string | number | bigint | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'dict'; readonly items: readonly (readonly [Expression, Expression])[] }
  | {
      readonly kind: 'if';
      readonly test: Expression;
      readonly first: Expression;
      readonly otherwise: Expression | null;
    }
  | { readonly kind: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'not' | 'negative' | 'positive'; readonly operand: Expression }
  | {
      readonly kind: 'compare';
      readonly first: Expression;
      readonly rest: readonly (readonly [string, Expression])[];
    }
  | { readonly kind: 'binary'; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'concat'; readonly items: readonly Expression[] }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'item'; readonly object: Expression; readonly key: Expression }
  | {
      readonly kind: 'slice';
      readonly object: Expression;
      readonly bounds: readonly [Expression | null, Expression | null, Expression | null];
    }
  | { readonly kind: 'call'; readonly callee: Expression; readonly given: Arguments }
  | { readonly kind: 'filter'; readonly name: string; readonly operand: Expression; readonly given: Arguments }
  | { readonly kind: 'test'; readonly name: string; readonly operand: Expression; readonly given: Arguments };

export type Target =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'tuple'; readonly items: readonly Target[] }
  | { readonly kind: 'member'; readonly object: string; readonly name: string };

export interface Signature {
  readonly names: readonly string[];
  /** Of the last ones. */
  readonly defaults: readonly Expression[];
}

export type Statement =
  | { readonly kind: 'data'; readonly text: string }
  | { readonly kind: 'print'; readonly value: Expression }
  | {
      readonly kind: 'for';
      readonly target: Target;
      readonly iterable: Expression;
      readonly test: Expression | null;
      /** `loop(…)` in its body goes through other values by the same body. */
      readonly recursive: boolean;
      readonly body: Body;
      readonly otherwise: Body;
    }
  | { readonly kind: 'branch'; readonly test: Expression; readonly body: Body; readonly otherwise: Body }
  | { readonly kind: 'set'; readonly target: Target; readonly value: Expression }
  | { readonly kind: 'capture'; readonly target: Target; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'macro'; readonly name: string; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'callblock'; readonly call: Expression; readonly signature: Signature; readonly body: Body }
  | { readonly kind: 'filterblock'; readonly filters: Filters; readonly body: Body }
  | { readonly kind: 'with'; readonly values: readonly (readonly [Target, Expression])[]; readonly body: Body }
  | { readonly kind: 'break' | 'continue' };

export type Body = readonly Statement[];
/** One after the other. */
export type Filters = readonly { readonly name: string; readonly given: Arguments }[];
