// What pages say and how much room they take, in both languages: nothing is wider than a phone, whatever titles are long; what is
// chosen is named in the page's words; every attempt is read.

import assert from "node:assert/strict";
import { says, words } from "./windows.mjs";

const PHONE = { width: 375, height: 720 };
const WORD = "Wasserzaehlerauswechslungsgenehmigungsverfahren";
const SORT = "A request to exchange the meters of all houses on the western side of the river after the flood";
const paper = { name: "2026 Wasserzaehlerauswechslungsgenehmigungsverfahren 水表照片.png", mimeType: "image/png", buffer: Buffer.from("89504e470d0a1a0a", "hex") };

/** Latin words in a row that stand on a page, but for code, pictures and what the author of the workflow wrote. */
const english = (page) =>
  page.evaluate((title) => {
    const found = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { parentElement } = texts.currentNode;
      const data = texts.currentNode.data.replaceAll(title, "");
      if (parentElement.closest("code, pre, script, template, svg, .log")) continue;
      if (/[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}/.test(data)) found.push(data.trim().slice(0, 200));
    }
    return found;
  }, SORT);

async function no_page_is_wider_than_a_phone_in_either_language_whatever_is_long({ windows, house, pictures }) {
  const run = await house.start("long", { number: WORD + WORD, sort: SORT });
  const task = (await house.task(run)).id;
  const all = {
    tasks: "/tasks",
    task: `/tasks/${task}`,
    new: "/new",
    form: "/new/long",
    runs: "/runs",
    run: `/runs/${run}`,
    attempts: `/runs/${run}/attempts?step=look`,
    workflows: "/workflows",
    workflow: "/workflows/long",
    trial: "/workflows/long/trial",
    registers: "/registers",
    system: "/system",
    accounts: "/system/accounts",
    audit: "/system/audit",
    log: "/system/log",
    nowhere: "/nowhere",
    "wrong-address": "/runs?since=xx",
  };
  for (const locale of ["zh-CN", "en-GB"]) {
    const page = await windows.of("zhao.min", { locale, viewport: PHONE });
    for (const [name, path] of Object.entries(all)) {
      await page.goto(house.at(path));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await pictures.take(page, `long-${name}-${locale.slice(0, 2)}`);
      assert.ok(wide <= 0, `${path} in ${locale} is ${wide} wider than the phone`);
      await pictures.look(page, `${path} in ${locale}`, {});
      await page.emulateMedia({ colorScheme: "dark" });
      await pictures.look(page, `${path} in ${locale}, in the dark`, { runOnly: ["color-contrast"] });
      await page.emulateMedia({ colorScheme: "light" });
      if (locale !== "zh-CN") continue;
      assert.deepEqual(await english(page), [], `English on ${path}`);
    }
  }
}

async function a_chosen_file_is_named_in_the_words_of_the_page({ windows, house, pictures }) {
  for (const [locale, none] of [["zh-CN", "还没有选"], ["en-GB", "none chosen yet"]]) {
    const page = await windows.of("zhao.min", { locale });
    await page.goto(house.at("/new/long"));
    await says(page, none);
    await page.setInputFiles('[name="f.papers"]', [paper, { ...paper, name: "第二张.png" }]);
    await says(page, "第二张.png");
    assert.ok((await words(page)).includes(paper.name) && !(await words(page)).includes(none));
    await pictures.of(page, `chosen-${locale.slice(0, 2)}`);
    // It comes back with its name when something else does not fit.
    await page.fill('[name="f.number"]', "");
    await page.evaluate(() => document.querySelector("main form").setAttribute("novalidate", ""));
    await page.click("main form button[type=submit]");
    await page.waitForSelector("main [role=alert]");
    assert.ok((await words(page)).includes("第二张.png"), await words(page));
  }
}

async function every_attempt_at_a_step_is_read_on_a_page_of_its_own({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13900000077", place: "学府路" });
  await house.task(run);
  const page = await windows.of("wang.wei");
  await page.goto(house.at(`/runs/${run}`));
  await page.locator(`a[href*="/runs/${run}/attempts"]`).first().click();
  await page.waitForURL("**/attempts?*");
  await says(page, "上门:学府路");
  await says(page, "第 1 次");
  await pictures.of(page, "attempts");
  await page.locator(`main a[href="/runs/${run}"]`).first().click();
  await page.waitForURL(`**/runs/${run}`);
}

export const stories = [
  no_page_is_wider_than_a_phone_in_either_language_whatever_is_long,
  a_chosen_file_is_named_in_the_words_of_the_page,
  every_attempt_at_a_step_is_read_on_a_page_of_its_own,
];
