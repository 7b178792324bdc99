// SPDX-License-Identifier: GPL-2.0-or-later

// Opens a report page as its readers do: in a browser, at three widths, in both schemes, on paper,
// without script; then asks axe, html-validate and xmllint. Prints each fault, and fails if there
// is one.
//
//   page.js MODULES CHROMIUM PAGE
//
// MODULES is the folder with playwright-core, axe-core and html-validate.

'use strict';

const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');

const [modules, chromium, file] = process.argv.slice(2);
const load = name => require(path.join(path.resolve(modules), name));
const playwright = load('playwright-core');
const url = pathToFileURL(path.resolve(file)).href;

const WIDTHS = [360, 1280, 1920];
const SCHEMES = ['light', 'dark'];
const TEXT = 4.5; // WCAG 2.2, 1.4.3
const DATA = 3; // 1.4.11

let faults = 0;

function check(holds, ...fault) {
    if (holds)
        return;
    faults++;
    console.log('fault:', ...fault);
}

// A page that complains of whatever it logs, or asks the network for.
async function open(browser, width, scheme, options = {}) {
    const context = await browser.newContext({
        viewport: { width, height: 900 },
        colorScheme: scheme,
        ...options,
    });
    const page = await context.newPage();
    const where = `${width} pixels, ${scheme}`;

    page.on('console', message => check(false, where, 'console:', message.text()));
    page.on('pageerror', error => check(false, where, 'error:', error.message));
    page.on('request', request =>
        check(/^data:/.test(request.url()) || request.url() === url, where, 'asks for',
            request.url().slice(0, 100)));
    await page.goto(url);
    return page;
}

// ---- Layout ----

async function layout(page, where) {
    const wide = await page.evaluate(() => {
        const width = document.documentElement.clientWidth;
        // What scrolls in a region of its own may be wider than the page.
        const inside = element => element.parentElement.closest('.scroll, summary');
        return {
            page: document.documentElement.scrollWidth - width,
            elements: [...document.querySelectorAll('body *')]
                .filter(element => !inside(element) && !element.matches('.skip') &&
                    element.getBoundingClientRect().right > width + 1)
                .slice(0, 5)
                .map(element => element.outerHTML.slice(0, 120)),
        };
    });

    check(wide.page <= 0, where, `the page is ${wide.page} pixels too wide`);
    for (const element of wide.elements)
        check(false, where, 'beyond the right edge:', element);
}

const openAll = page =>
    page.evaluate(() => document.querySelectorAll('details').forEach(each => { each.open = true; }));

// ---- Pictures ----

// Colours of an image, and the share of the most frequent one.
async function colours(page, source) {
    return page.evaluate(async href => {
        const image = new Image();
        image.src = href;
        await image.decode();
        const canvas = document.createElement('canvas');
        canvas.width = image.naturalWidth;
        canvas.height = image.naturalHeight;
        const context = canvas.getContext('2d');
        context.drawImage(image, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        const counts = new Map();
        for (let i = 0; i < data.length; i += 4) {
            const colour = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
            counts.set(colour, (counts.get(colour) || 0) + 1);
        }
        return {
            width: canvas.width,
            height: canvas.height,
            number: counts.size,
            most: Math.max(...counts.values()) * 4 / data.length,
        };
    }, source);
}

async function pictures(page, scratch, where) {
    const drawings = await page.locator('figure svg').all();

    check(drawings.length > 0, where, 'no pictures');
    for (const [i, drawing] of drawings.entries()) {
        const box = await drawing.boundingBox();
        check(box !== null && box.width > 200 && box.height > 50, where, `picture ${i} is too small:`,
            JSON.stringify(box));
        const png = await drawing.screenshot({ scale: 'css' });
        const seen = await colours(scratch, `data:image/png;base64,${png.toString('base64')}`);
        check(seen.number > 3 && seen.most < 0.995, where, `picture ${i} is empty:`,
            JSON.stringify(seen));
    }

    const images = await page.locator('figure svg image').evaluateAll(
        all => all.map(image => image.getAttribute('href')));
    for (const [i, href] of images.entries()) {
        const seen = await colours(scratch, href);
        check(seen.width > 1 && seen.height > 1 && seen.number > 1, where,
            `image ${i} is of one colour:`, JSON.stringify(seen));
    }
    return drawings.length;
}

// Each picture has words that stand for it, and words on how to read it.
async function words(page) {
    const silent = await page.evaluate(() => [...document.querySelectorAll('figure')].filter(figure => {
        const drawing = figure.querySelector('svg');
        const named = document.getElementById(drawing.getAttribute('aria-labelledby'));
        const caption = figure.querySelector('figcaption') ||
            figure.closest('.pictures').previousElementSibling;
        return drawing.getAttribute('role') !== 'img' || named === null ||
            named.textContent.trim().length < 20 || caption.textContent.trim().length < 20;
    }).map(figure => figure.querySelector('summary b').textContent));

    for (const name of silent)
        check(false, 'a picture without words:', name);
}

// Contrast of all that is drawn, with the background of the page.
async function contrast(page, where) {
    const poor = await page.evaluate(([text, data]) => {
        const parse = colour => colour.match(/[\d.]+/g).map(Number);
        const light = ([r, g, b]) => {
            const [x, y, z] = [r, g, b].map(c => c / 255)
                .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
            return 0.2126 * x + 0.7152 * y + 0.0722 * z;
        };
        const back = light(parse(getComputedStyle(document.body).backgroundColor));
        const ratio = colour => {
            const front = light(parse(colour));
            return (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
        };
        const found = new Set();
        for (const element of document.querySelectorAll('figure svg *')) {
            const style = getComputedStyle(element);
            const [paint, least] = element.matches('text, tspan') ? [style.fill, text]
                : [style.stroke, data];
            // What is let through is a band or grid behind the data.
            if (!paint.startsWith('rgb') || Number(style.opacity) < 1 || parse(paint)[3] === 0)
                continue;
            if (ratio(paint) < least)
                found.add(`${element.tagName} ${paint}: ${ratio(paint).toFixed(2)} of ${least}`);
        }
        return [...found];
    }, [TEXT, DATA]);

    for (const each of poor)
        check(false, where, 'contrast:', each);
}

// ---- Readers ----

async function axe(page, where) {
    await page.evaluate(fs.readFileSync(path.join(modules, 'axe-core', 'axe.min.js'), 'utf8'));
    const { violations } = await page.evaluate(
        () => axe.run(document, { resultTypes: ['violations'] }));

    for (const each of violations)
        check(false, where, `axe, ${each.impact}: ${each.id}: ${each.help}:`, each.nodes.length,
            'times,', each.nodes[0].html.slice(0, 160), each.nodes[0].failureSummary.split('\n')[1]);
}

// Tab goes to the skip link first; Enter makes a picture large, and small again.
async function keyboard(page) {
    await page.keyboard.press('Tab');
    check(await page.evaluate(() => document.activeElement.className) === 'skip',
        'the first stop of Tab is not the skip link');
    await page.keyboard.press('Enter');
    check(page.url().endsWith('#main'), 'the skip link leads to', page.url());

    const summary = page.locator('figure summary').first();
    const width = async () => (await summary.locator('svg').boundingBox()).width;
    const small = await width();
    await summary.focus();
    await page.keyboard.press('Enter');
    const large = await width();
    check(large > 1.5 * small, `a picture grows from ${small} to ${large} pixels only`);
    await page.keyboard.press('Enter');
    check(await width() === small, 'a picture does not become small again');
}

async function withoutScript(browser) {
    const page = await open(browser, 1280, 'light', { javaScriptEnabled: false });
    const summary = page.locator('figure summary').first();
    const before = await summary.boundingBox();

    check(!/<script|\son[a-z]+=/i.test(await page.content()), 'the page has a script');
    await summary.click({ position: { x: 10, y: 10 } });
    check((await summary.boundingBox()).width > before.width,
        'without script a picture does not become large');
    await page.context().close();
}

async function paper(browser) {
    const page = await open(browser, 1280, 'dark');
    await page.emulateMedia({ media: 'print' });
    const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    check(colour === 'rgb(255, 255, 255)', 'printed on', colour);
    const pdf = await page.pdf({ preferCSSPageSize: true });
    check(pdf.length > 10000, 'printed as', pdf.length, 'bytes');
    await page.context().close();
}

// ---- Documents ----

async function html(text) {
    const { HtmlValidate } = load('html-validate');
    const validate = new HtmlValidate({
        extends: ['html-validate:recommended'],
        // End tags of cells may be left out.
        rules: { 'long-title': 'off', 'no-implicit-close': 'off' },
    });
    const report = await validate.validateString(text, file);

    for (const result of report.results)
        for (const each of result.messages.slice(0, 20))
            check(false, `${file}:${each.line}:${each.column}: ${each.message} (${each.ruleId})`);
}

function svg(text) {
    const drawings = text.match(/<svg[\s>][\s\S]*?<\/svg>/g) || [];

    try {
        execFileSync('xmllint', ['--noout', '--huge', '-'],
            { input: `<all>${drawings.join('\n')}</all>`, stdio: ['pipe', 'pipe', 'pipe'] });
    } catch (error) {
        check(false, 'xmllint:', String(error.stderr).slice(0, 1000));
    }
}

async function main() {
    const browser = await playwright.chromium.launch({
        executablePath: chromium,
        args: ['--no-sandbox', '--font-render-hinting=none'],
    });
    const scratch = await (await browser.newContext()).newPage();
    let drawn = 0;

    for (const scheme of SCHEMES)
        for (const width of WIDTHS) {
            const where = `${width} pixels, ${scheme}:`;
            const page = await open(browser, width, scheme);
            await layout(page, where);
            if (width === 1280)
                drawn = await pictures(page, scratch, where);
            await openAll(page);
            await layout(page, `${where} all open,`);
            await contrast(page, where);
            // It takes seconds, and asks for widths only where the layout changes.
            if (width === 1280 || scheme === 'light' && width === 360)
                await axe(page, where);
            await page.context().close();
        }

    const page = await open(browser, 1280, 'light');
    await words(page);
    await keyboard(page);
    await page.context().close();
    await withoutScript(browser);
    await paper(browser);
    await browser.close();

    const text = fs.readFileSync(file, 'utf8');
    await html(text);
    svg(text);
    console.log(`${file}: ${drawn} pictures, ${faults} faults`);
    process.exitCode = faults === 0 ? 0 : 1;
}

main().catch(error => {
    console.log(error);
    process.exitCode = 1;
});
