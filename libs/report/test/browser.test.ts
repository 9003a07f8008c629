import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderReport } from '../src/index.ts';
import { sampleReport } from './sample.ts';

/** Debian's; the tests are skipped, and say so, where it is not installed. */
const CHROMIUM = '/usr/bin/chromium';

describe.skipIf(!existsSync(CHROMIUM))(`the report in ${CHROMIUM}`, () => {
  let browser: Browser;
  let folder: string;
  let address: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sonde-report-'));
    const path = join(folder, 'report.html');
    await writeFile(path, await renderReport(sampleReport(3)));
    address = pathToFileURL(path).href;
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true });
  });

  async function withPage(
    options: { width: number; colorScheme?: 'light' | 'dark'; javaScriptEnabled?: boolean },
    look: (page: Page) => Promise<void>,
  ): Promise<void> {
    const { width, ...others } = options;
    const context = await browser.newContext({ viewport: { width, height: 900 }, ...others });
    const page = await context.newPage();
    const trouble: string[] = [];
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('request', (request) => {
      if (request.url() !== address) trouble.push(request.url());
    });
    await page.goto(address);
    await look(page);
    await context.close();
    expect(trouble).toEqual([]);
  }

  const sideways = (page: Page) => page.evaluate('document.documentElement.scrollWidth - innerWidth');

  it.each([
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
    [390, 'dark'],
  ] as const)(
    'at %d px, %s: no errors, no requests, nothing wider than the page, even with all details open',
    async (width, colorScheme) => {
      await withPage({ width, colorScheme }, async (page) => {
        expect(await sideways(page)).toBe(0);
        await page.evaluate('for (const part of document.querySelectorAll("details")) part.open = true');
        expect(await sideways(page)).toBe(0);
      });
    },
  );

  it('draws lines and texts in the colours of the theme, with enough contrast', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await withPage({ width: 1440, colorScheme }, async (page) => {
        const contrasts = (await page.evaluate(CONTRASTS)) as Record<string, number>;
        for (const [name, least] of [
          ['--ink', 7],
          ['--muted', 4.5],
          ['--link', 4.5],
        ] as const) {
          expect(contrasts[name], name).toBeGreaterThan(least);
        }
        for (let i = 1; i <= 8; i++) expect(contrasts[`--series-${i}`], `series ${i}`).toBeGreaterThan(3);
        const stroke = await page.evaluate(
          'getComputedStyle(document.querySelector(\'#probes svg[role=img] [stroke="var(--series-1)"]\')).stroke',
        );
        expect(stroke).toBe(colorScheme === 'light' ? 'rgb(0, 99, 168)' : 'rgb(86, 168, 232)');
      });
    }
  });

  it('shows one choice at a time, by mouse and by keyboard', async () => {
    await withPage({ width: 1440 }, async (page) => {
      const probes = page.locator('#probes');
      const shown = () => probes.locator('.choice:visible > h3:first-of-type').allInnerTexts();
      expect(await shown()).toEqual(['Toxicity: all models']);
      await probes.getByRole('radio', { name: 'Threat' }).check();
      expect(await shown()).toEqual(['Threat: all models']);
      await page.keyboard.press('ArrowRight');
      expect(await shown()).toEqual(['Sexually explicit: all models']);
    });
  });

  it('shows selectivity on demand', async () => {
    await withPage({ width: 1440 }, async (page) => {
      const line = page.locator('#probes .selectivity').first();
      expect(await line.isVisible()).toBe(false);
      await page.getByLabel('Show selectivity').check();
      expect(await line.isVisible()).toBe(true);
    });
  });

  it('opens keys and folded texts on demand', async () => {
    await withPage({ width: 1440 }, async (page) => {
      const fold = page.locator('#examples .fold').first();
      expect(await fold.locator('blockquote').isVisible()).toBe(false);
      await fold.locator('summary').click();
      expect(await fold.locator('blockquote').isVisible()).toBe(true);
      await page.locator('#run .tasks > details > summary').first().click();
      await page.locator('#run .key > summary').first().click();
      expect(await page.locator('#run .long').first().textContent()).toMatch(/^sha256:[0-9a-f]{64}$/);
    });
  });

  it('is all there without script: the first choice open, the others to unfold', async () => {
    await withPage({ width: 1440, javaScriptEnabled: false }, async (page) => {
      const parts = page.locator('#correlation .choice');
      expect(await parts.count()).toBe(7);
      expect(await parts.nth(0).locator('svg').first().isVisible()).toBe(true);
      expect(await parts.nth(1).locator('svg').first().isVisible()).toBe(false);
      await parts.nth(1).locator('> summary').click();
      expect(await parts.nth(1).locator('svg').first().isVisible()).toBe(true);
    });
  });
});

/** Contrast of each custom colour against the page (WCAG 2.2, relative luminance). */
const CONTRASTS = `(() => {
  const style = getComputedStyle(document.documentElement);
  const luminance = (hex) => {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const names = ['--ink', '--muted', '--link', ...Array.from({ length: 8 }, (_, i) => '--series-' + (i + 1))];
  const page = luminance(style.getPropertyValue('--page').trim());
  return Object.fromEntries(names.map((name) => {
    const own = luminance(style.getPropertyValue(name).trim());
    return [name, (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05)];
  }));
})()`;
