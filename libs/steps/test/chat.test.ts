import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { resolveEmbedded } from '@sonde/embedded';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { artifact, runStep, tableArtifact, temporaryFolder } from './harness.ts';

let folder: string;
let remove: () => Promise<void>;
beforeAll(async () => ({ folder, remove } = await temporaryFolder()));
afterAll(() => remove());

describe('prompts/sample through a chat template', () => {
  it('marks the prompt inside the rendering, and says that the template wrote the special tokens', async () => {
    const model = path.join(folder, 'chat');
    await mkdir(model);
    await cp(resolveEmbedded('parlour-base').path, model, { recursive: true });
    await writeFile(
      path.join(model, 'chat_template.jinja'),
      '{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }}\n{% endfor %}[assistant]',
    );
    const source = await tableArtifact(folder, [{ text: 'The neighbour 🎈 said' }]);
    const [row] = await (
      await runStep('prompts/sample', folder, { source, template: 2, chat: artifact('model', model) })
    ).rows('prompts');
    expect(row!.rendered).toContain('[user] Complete the text.\nText: The neighbour 🎈 said\n[assistant]');
    expect([...String(row!.rendered)].slice(Number(row!.span_start), Number(row!.span_end)).join('')).toBe(
      'The neighbour 🎈 said',
    );
    expect(row!.add_special_tokens).toBe(false);
  });

  it('writes a fixed day for today’s, or the one that chat_date names', async () => {
    const model = path.join(folder, 'dated');
    await cp(resolveEmbedded('parlour-base').path, model, { recursive: true });
    await writeFile(
      path.join(model, 'chat_template.jinja'),
      "{{ strftime_now('%d %B %Y, %A, %-d, %j') }}: {{ messages[0].content }}",
    );
    const source = await tableArtifact(folder, [{ text: 'The neighbour said' }]);
    const rendered = async (config: Record<string, string>): Promise<unknown> => {
      const done = await runStep('prompts/sample', folder, { source, chat: artifact('model', model), ...config });
      return (await done.rows('prompts'))[0]!.rendered;
    };
    expect(await rendered({})).toBe('26 July 2024, Friday, 26, 208: The neighbour said');
    expect(await rendered({ chat_date: '2025-03-01' })).toBe('01 March 2025, Saturday, 1, 060: The neighbour said');
  });
});
