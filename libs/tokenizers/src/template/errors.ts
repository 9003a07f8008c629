/** What is wrong with a template, or with what it does. */
export class TemplateError extends Error {}

/** What Jinja has and is not supported here. @param kind filter, test, … */
export function unsupported(kind: string, name: string): TemplateError {
  return new TemplateError(`the ${kind} "${name}" is not supported`);
}
