// What a page looks like, kept for people to look at, and what a machine sees wrong with it.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Faults that keep somebody from using a page. */
const BAD = ["serious", "critical"];
/** In the dark nothing changes but colours. */
const COLOURS = { runOnly: ["color-contrast"] };

export class Pictures {
  constructor(folder) {
    this.folder = folder;
  }

  /** At a desk, on a phone, in the dark; and with nothing wrong that keeps anybody out. */
  async of(page, name) {
    const size = page.viewportSize();
    await page.setViewportSize({ width: 1280, height: 900 });
    await this.take(page, name);
    await this.look(page, name, {});
    await page.emulateMedia({ colorScheme: "dark" });
    await this.take(page, `${name}-dark`);
    await this.look(page, `${name}, in the dark`, COLOURS);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 390, height: 844 });
    await this.take(page, `${name}-phone`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > 390) throw new Error(`${name} is ${wide} wide on a phone of 390`);
    await page.setViewportSize(size);
  }

  async take(page, name) {
    await page.screenshot({ path: `${this.folder}/${name}.png`, fullPage: true });
  }

  async look(page, name, rules) {
    // The page's policy lets no such script in; the checker is put in from outside, where it does not count.
    const client = await page.context().newCDPSession(page);
    await client.send("Runtime.evaluate", { expression: axe });
    const options = JSON.stringify({ resultTypes: ["violations"], ...rules });
    const expression = `axe.run(document, ${options}).then((found) => JSON.stringify(found.violations))`;
    const { result } = await client.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    await client.detach();
    const bad = JSON.parse(result.value).filter((one) => BAD.includes(one.impact));
    const told = bad.map((one) => `${one.id}: ${one.help}\n${one.nodes.map((node) => node.html.slice(0, 200)).join("\n")}`);
    if (told.length > 0) throw new Error(`${name} keeps somebody out:\n${told.join("\n")}`);
  }
}
