/// <reference lib="dom" />
/** The HTML report as a browser shows it: nothing runs over, every text can be read, the filter works without scripts. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copiedByCi, copyFixture, makeDirectory, makeRepository, runCli, smallCompose } from '../repository.ts';

const CHROMIUM = process.env.TEST_CHROMIUM ?? '/usr/bin/chromium';
const hasBrowser = existsSync(CHROMIUM);
if (!hasBrowser) {
  if (process.env.CI === 'true') throw new Error('Chromium is missing, and CI must have it');
  process.stdout.write(
    'Chromium was not found (sh scripts/install-test-tools.sh .cache/tools): its tests are skipped\n',
  );
}

let browser: Browser;
beforeAll(async () => {
  if (!hasBrowser) return;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
});
afterAll(() => browser?.close());

type Look = { width: number; colorScheme: 'light' | 'dark' };

async function open(root: string, { width, colorScheme }: Look, command: string[] = []): Promise<Page> {
  const file = join(makeDirectory(), 'report.html');
  writeFileSync(file, runCli([...command, '--reporter', 'html'], { cwd: root }).stdout);
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  await page.goto(pathToFileURL(file).href);
  return page;
}

/** Texts whose contrast against what is behind them is below 4.5, and how far the page is wider than its window. */
const look = (page: Page) =>
  page.evaluate(() => {
    const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
    const luminance = ([r = 0, g = 0, b = 0]: number[]) =>
      [r, g, b]
        .map(value => value / 255)
        .map(value => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, i) => sum + value * ([0.2126, 0.7152, 0.0722][i] ?? 0), 0);
    const behind = (element: Element | null): number[] => {
      for (let up = element; up; up = up.parentElement) {
        const rect = up.tagName === 'g' ? up.querySelector('rect') : null;
        const color = channels(rect ? getComputedStyle(rect).fill : getComputedStyle(up).backgroundColor);
        if (color.length === 3 || (color[3] ?? 0) > 0) return color;
      }
      return [255, 255, 255];
    };
    const faint: string[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      if (!element || !node.nodeValue?.trim() || element.tagName === 'title') continue;
      const style = getComputedStyle(element);
      const front = luminance(channels(element.tagName === 'text' ? style.fill : style.color));
      const back = luminance(behind(element));
      const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
      if (contrast < 4.5) faint.push(`${contrast.toFixed(2)} ${node.nodeValue.trim().slice(0, 40)}`);
    }
    const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    return { faint, over };
  });

describe.skipIf(!hasBrowser)('the page of a migration', () => {
  test.each(
    [360, 800, 1280].flatMap(width => (['light', 'dark'] as const).map(colorScheme => ({ width, colorScheme }))),
  )('at %o nothing runs over and all can be read', async shown => {
    const page = await open(copyFixture('crawler'), shown);
    expect(await look(page)).toEqual({ faint: [], over: 0 });
    // A picture of the stack before and after, with the pooler in the second alone.
    expect(await page.locator('svg[role=img]').count()).toBe(2);
    expect(await page.locator('figure').nth(0).locator('.pooler').count()).toBe(0);
    expect(await page.locator('figure').nth(1).locator('.pooler').textContent()).toContain('pgbouncer:6432');
    await page.close();
  });

  test('the filter shows one decision, without a script', async () => {
    const page = await open(copyFixture('crawler'), { width: 800, colorScheme: 'light' });
    expect(await page.locator('script').count()).toBe(0);
    const visible = async (kind: string) =>
      await page.locator(`section:has(#show-all) .places li.${kind}:visible`).count();
    const all = [await visible('pooled'), await visible('direct')];
    expect(all.every(count => count > 0)).toBe(true);
    await page.getByLabel('direct on purpose').check();
    expect([await visible('pooled'), await visible('direct')]).toEqual([0, all[1]]);
    await page.close();
  });

  test('on paper what is folded is there too', async () => {
    const page = await open(copyFixture('crawler'), { width: 800, colorScheme: 'light' });
    const folded = page.locator('details:not([open]) pre').first();
    expect(await folded.isVisible()).toBe(false);
    await page.emulateMedia({ media: 'print' });
    expect(await folded.isVisible()).toBe(true);
    expect(await page.locator('nav').isVisible()).toBe(false);
    await page.close();
  });

  test('names of a hostile repository make no element and ask for nothing', async () => {
    const payloads = [
      '<script>alert(1)</script>',
      '<img src=x onerror=alert(1)>',
      '"><svg onload=alert(1)>',
      "'><iframe src=//x>",
      '&lt;b&gt;',
      '</style><h1>',
    ];
    const services = payloads.map(
      (name, i) =>
        `  ${JSON.stringify(`s${i}${name}`)}:\n    image: acme/app\n    command: ${JSON.stringify(name)}\n    environment:\n      ${JSON.stringify(`DATABASE_URL`)}: postgresql://u:p@db:5432/${i}\n`,
    );
    const page = await open(
      makeRepository({
        'docker-compose.yml': `services:\n  db:\n    image: postgres:16\n${services.join('')}`,
      }),
      { width: 800, colorScheme: 'light' },
    );
    const requests: string[] = [];
    page.on('request', request => requests.push(request.url()));
    await page.waitForTimeout(200);
    expect(await page.locator('script, img, iframe, svg:not([role=img])').count()).toBe(0);
    expect(await page.locator('h1').count()).toBe(1);
    expect(requests).toEqual([]);
    await page.close();
  });
});

describe.skipIf(!hasBrowser)('the page of many repositories', () => {
  const reports = makeDirectory();
  beforeAll(() => {
    for (const [name, files] of Object.entries({
      done: { 'docker-compose.yml': smallCompose('db', 'DATABASE_URL: postgres://app:pw@db:5432/app') },
      asks: copiedByCi(),
      none: { 'README.md': '# x\n' },
    }))
      runCli(['-C', makeRepository(files), '-q', '--reporter', `json=${join(reports, `${name}.json`)}`]);
    writeFileSync(join(reports, `${'a-very-long-name-of-a-repository'.repeat(5)}.json`), '');
  });
  const command = ['report', 'merge', reports];

  test.each(
    [360, 800, 1280].flatMap(width => (['light', 'dark'] as const).map(colorScheme => ({ width, colorScheme }))),
  )('at %o nothing runs over and all can be read', async shown => {
    const page = await open(reports, shown, command);
    expect(await look(page)).toEqual({ faint: [], over: 0 });
    expect(await page.locator('tbody tr:visible').count()).toBe(4);
    await page.close();
  });

  test('the filter shows one outcome, without a script', async () => {
    const page = await open(reports, { width: 360, colorScheme: 'light' }, command);
    expect(await page.locator('script').count()).toBe(0);
    for (const [says, name] of [
      ['finished', 'done'],
      ['with questions', 'asks'],
      ['without a server', 'none'],
    ] as const) {
      await page.getByLabel(says).check();
      expect(await page.locator('tbody tr:visible th').allTextContents()).toEqual([name]);
    }
    await page.getByLabel('all', { exact: true }).check();
    expect(await page.locator('tbody tr:visible').count()).toBe(4);
    await page.close();
  });
});
