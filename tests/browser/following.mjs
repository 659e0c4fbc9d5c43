// Pages that stand open while something happens elsewhere, and lines that break off.

import assert from "node:assert/strict";
import { says, words } from "./windows.mjs";

/** An hour with an event each second. */
const HOUR = 3_600;

/** How often the page took over what changed. */
const looked = (page) => page.evaluate(() => Number(document.querySelector("main").dataset.looked ?? 0));

async function what_happens_elsewhere_comes_to_an_open_page_and_what_is_typed_stays({ windows, house }) {
  const page = await windows.of("li.na");
  await page.goto(house.at("/tasks"));
  await page.fill('[name="text"]', "还没有找");
  const run = await house.start("fault", { phone: "13800000020", place: "江南路 20 号" });
  await says(page, "江南路 20 号");
  assert.equal(await page.inputValue('[name="text"]'), "还没有找");
  const office = await windows.of("wang.wei");
  await office.goto(house.at(`/runs/${run}`));
  await house.task(run);
  await house.post(`/api/v1/runs/${run}/cancel`, { reason: "客户撤回" });
  await says(office, "已取消");
  await page.waitForFunction(() => !document.body.innerText.includes("江南路 20 号"));
}

/** Keeps the page's stream within reach, so that an hour can be played through it. */
function keepStream() {
  const Real = window.EventSource;
  window.EventSource = class extends Real {
    constructor(...with_) {
      super(...with_);
      window.streamOfThePage = this;
    }
  };
}

async function weight(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  await client.detach();
  return { heap: usedSize, nodes: await page.evaluate(() => document.querySelectorAll("*").length) };
}

async function a_page_through_which_an_hour_of_events_is_played_does_not_grow({ windows, house }) {
  const page = await windows.of("wang.wei");
  await page.addInitScript(keepStream);
  await page.goto(house.at("/runs"));
  await page.waitForFunction(() => window.streamOfThePage?.readyState === 1);
  const play = async (count) => {
    const before = await looked(page);
    await page.evaluate((count) => {
      for (let at = 0; at < count; at += 1) window.streamOfThePage.dispatchEvent(new MessageEvent("run", { data: "{}" }));
    }, count);
    await page.waitForFunction((before) => Number(document.querySelector("main").dataset.looked ?? 0) > before, before);
  };
  // The first looks fill what is kept for all that follow.
  for (let at = 0; at < 3; at += 1) await play(10);
  const before = await weight(page);
  for (let at = 0; at < 12; at += 1) await play(HOUR / 12);
  const after = await weight(page);
  assert.equal(after.nodes, before.nodes, "nothing is left behind in the page");
  assert.ok(after.heap < before.heap + 1_000_000, `the page grew from ${before.heap} to ${after.heap} bytes`);
}

async function what_was_typed_is_there_again_after_the_line_broke_off({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000021", place: "江南路 21 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.fill('[name="f.found"]', "线路断了也在");
  await page.check('[name="f.fixed"][value="yes"]');
  await page.context().setOffline(true);
  await page.click('form[action$="/answer"] button[type=submit]:not([formaction])').catch(() => {});
  await page.context().setOffline(false);
  assert.equal((await house.get(`/api/v1/runs/${run}`)).state, "open", "what did not come does nothing");
  await page.goBack();
  assert.equal(await page.inputValue('[name="f.found"]'), "线路断了也在");
  assert.ok((await words(page)).includes("江南路 21 号"));
}

export const stories = [
  what_happens_elsewhere_comes_to_an_open_page_and_what_is_typed_stays,
  a_page_through_which_an_hour_of_events_is_played_does_not_grow,
  what_was_typed_is_there_again_after_the_line_broke_off,
];
