// People who have no mouse, or cannot use one: everything is reached by Tab, opened by Enter and chosen by Space.

import assert from "node:assert/strict";
import { PASSWORD, says } from "./windows.mjs";

/** More than any page here has to pass. */
const STOPS = 150;

/** Goes on by Tab until this has the focus, and sees that it shows. */
async function reaches(page, selector) {
  for (let stop = 0; stop < STOPS; stop += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate((selector) => {
      const one = document.activeElement;
      if (!one?.matches(selector)) return undefined;
      const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
      const { width, height } = one.getBoundingClientRect();
      return { marked: (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none", seen: width > 1 && height > 1 };
    }, selector);
    if (!at) continue;
    assert.ok(at.marked, `nothing shows that ${selector} has the focus`);
    assert.ok(at.seen, `${selector} has the focus and is not to be seen`);
    return;
  }
  throw new Error(`${selector} is not reached by Tab on ${page.url()}`);
}

async function presses(page, selector, key = "Enter") {
  await reaches(page, selector);
  await page.keyboard.press(key);
}

async function types(page, selector, text) {
  await reaches(page, selector);
  await page.keyboard.type(text);
}

async function a_case_is_begun_taken_and_answered_without_a_mouse({ windows, house }) {
  await (await windows.of("li.na")).context().close();
  const page = await windows.stranger();
  await page.goto(house.at("/tasks"));
  // The name has the focus as the page comes.
  await page.waitForFunction(() => document.activeElement?.id === "name");
  await page.keyboard.type("李娜");
  await types(page, "#password", PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL("**/tasks");

  // The first stop of a page leads past what is the same on all of them.
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => location.hash !== "" && document.querySelector(location.hash)?.matches("main, main *"));

  await page.goto(house.at("/tasks"));
  await presses(page, "nav a[href='/new']");
  await page.waitForURL("**/new");
  await presses(page, "main a[href^='/new/fault']");
  await page.waitForURL("**/new/fault**");
  await types(page, "[name='f.phone']", "13800000081");
  await types(page, "[name='f.place']", "江北路 81 号");
  await presses(page, "form.sheet button[type=submit]");
  await page.waitForURL("**/runs/run_*");
  const run = new URL(page.url()).pathname.split("/").pop();
  const task = await house.task(run);

  await presses(page, "nav a[href='/tasks']");
  await page.waitForURL("**/tasks");
  await presses(page, `main a[href='/tasks/${task.id}']`);
  await page.waitForURL(`**/tasks/${task.id}`);
  await presses(page, "form[action$='/claim'] button", "Space");
  await page.waitForSelector("form[action$='/release']");
  await types(page, "[name='f.found']", "阀门坏了");
  await presses(page, "[name='f.parts'][value='阀门']", "Space");
  // One stop for both answers, and arrows between them.
  await presses(page, "[name='f.fixed']", "Space");
  while (!(await page.isChecked("[name='f.fixed'][value='yes']"))) await page.keyboard.press("ArrowDown");
  await presses(page, "form[action$='/answer'] button[type=submit]:not([formaction])");
  await says(page, "办好了");
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  const { output } = shown.steps.find((step) => step.id === "visit").items[0];
  assert.deepEqual([output.found, output.parts, output.fixed], ["阀门坏了", ["阀门"], true]);
}

/** Chooses one of several that exclude each other: one stop, and arrows between them. */
async function chooses(page, name, value) {
  await presses(page, `[name='${name}']`, "Space");
  for (let at = 0; at < 9 && !(await page.isChecked(`[name='${name}'][value='${value}']`)); at += 1) await page.keyboard.press("ArrowDown");
  assert.ok(await page.isChecked(`[name='${name}'][value='${value}']`), `${name} comes to ${value} by arrows`);
}

async function a_lost_outcome_is_decided_and_a_case_cancelled_without_a_mouse({ windows, house }) {
  const lost = await house.start("shut-off", { how: "crash" });
  await house.task(lost);
  const page = await windows.of("wang.wei");
  await page.goto(house.at(`/runs/${lost}`));
  await chooses(page, "verdict", "happened");
  await presses(page, "form[action$='/settle'] [name='looked']", "Space");
  await types(page, "form[action$='/settle'] [name='reason']", "问过值班员");
  await Promise.all([page.waitForNavigation(), presses(page, "form[action$='/settle'] button[type=submit]")]);
  await house.ends(lost, "done");

  const open = await house.start("payment", { number: "C-82" });
  await page.goto(house.at(`/runs/${open}`));
  await presses(page, "details:has(form[action$='/cancel']) > summary");
  await types(page, "form[action$='/cancel'] [name='reason']", "客户撤回");
  await Promise.all([page.waitForNavigation(), presses(page, "form[action$='/cancel'] button[type=submit]")]);
  await house.ends(open, "cancelled");
  await says(page, "客户撤回");
}

export const stories = [a_case_is_begun_taken_and_answered_without_a_mouse, a_lost_outcome_is_decided_and_a_case_cancelled_without_a_mouse];
