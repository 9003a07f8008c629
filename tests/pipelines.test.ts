import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { root, sonde, temporaryFolder } from './sonde.ts';

const folder = path.join(root, 'pipelines');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

describe('the pipelines that ship with Sonde', () => {
  it('fit the schema that `sonde schema` gives editors', async () => {
    const schema = JSON.parse((await sonde(root, ['schema'])).stdout) as object;
    const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema);
    for (const file of files) {
      validate(parse(readFileSync(path.join(folder, file), 'utf8')));
      expect([file, validate.errors]).toEqual([file, null]);
    }
  });

  it.each(files)('%s has no problems', async (file) => {
    const { status, stderr, stdout } = await sonde(root, ['check', path.join('pipelines', file)]);
    expect(stderr).toBe('');
    expect(stdout).toContain('valid');
    expect(status).toBe(0);
  });

  it('give `sonde init` a template that is valid where it is put', async () => {
    const { folder: target, remove } = await temporaryFolder();
    try {
      expect((await sonde(target, ['init', 'new'])).status).toBe(0);
      expect((await sonde(path.join(target, 'new'), ['check', 'pipeline.yaml'])).status).toBe(0);
      const again = await sonde(target, ['init', 'new']);
      expect(again.status).toBe(2);
      expect(again.stderr).toContain('exists already');
    } finally {
      await remove();
    }
  });
});
