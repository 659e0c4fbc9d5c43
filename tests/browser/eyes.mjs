// What eyes find on pages and no program does: lines that run under each other, pictures that end without a sign.

import assert from "node:assert/strict";

/** A choice of the long form. */
const SORT = "A request to exchange the meters of all houses on the western side of the river after the flood";
const PHONE = { width: 375, height: 812 };
/** So that the picture of a short case is wider than it. */
const NARROW = { width: 240, height: 812 };

async function a_second_line_on_a_phone_stands_beside_its_word_and_not_under_it({ windows, house }) {
  const run = await house.start("long", { number: "13800000071 ".repeat(5), sort: SORT });
  await house.task(run);
  const page = await windows.of("zhao.min", { viewport: PHONE });
  await page.goto(house.at("/tasks"));
  const lines = await page.evaluate(() => {
    const cell = [...document.querySelectorAll(".rows td:nth-child(n+2)")].find((one) => one.innerText.includes("13800000071"));
    const all = document.createRange();
    all.selectNodeContents(cell);
    return [...all.getClientRects()].map(({ left, top }) => ({ left, top }));
  });
  assert.ok(new Set(lines.map((line) => line.top)).size > 1, "it needs more than one line");
  const first = Math.min(...lines.map((line) => line.left));
  assert.ok(first > 80, `a line begins under the word, at ${first}`);
}

async function a_picture_shows_at_its_edge_that_it_goes_on_and_a_keyboard_gets_there({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000072", place: "江南路 72 号" });
  await house.task(run);
  const page = await windows.of("wang.wei", { viewport: NARROW });
  await page.goto(house.at(`/runs/${run}`));
  const picture = page.locator("#picture");
  await picture.scrollIntoViewIfNeeded();
  assert.ok(await picture.evaluate((one) => one.scrollWidth > one.clientWidth), "it is wider than its place");
  // The last pixels of the edge, as they are and as they would be without the shade.
  const differs = async () => {
    const { x, y, width, height } = await picture.boundingBox();
    const clip = { x: x + width - 8, y: y + 20, width: 6, height: Math.min(height - 40, 200) };
    const shaded = await page.screenshot({ clip });
    await picture.evaluate((one) => (one.style.background = "none"));
    const plain = await page.screenshot({ clip });
    await picture.evaluate((one) => (one.style.background = ""));
    return !shaded.equals(plain);
  };
  assert.equal(await differs(), true, "nothing says that it goes on");
  await picture.focus();
  await page.keyboard.press("ArrowRight");
  await page.waitForFunction(() => document.querySelector("#picture").scrollLeft > 0);
  await picture.evaluate((one) => (one.scrollLeft = one.scrollWidth));
  assert.equal(await differs(), false, "here is its end");
}

async function the_audit_is_a_short_line_of_each_act_on_a_phone_and_unfolds({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13800000073", place: "江南路 73 号" });
  const task = await house.task(run);
  await house.post(`/api/v1/tasks/${task.id}/claim`, { by: "sun.yan" });
  const page = await windows.of("zhao.min", { viewport: PHONE });
  await page.goto(house.at(`/system/audit?about=${task.id}`));
  const row = page.locator("table.audit tbody tr").first();
  const short = (await row.boundingBox()).height;
  assert.ok(short < 90, `a line is ${short} high`);
  assert.match(await row.innerText(), /领取待办/);
  assert.doesNotMatch(await row.innerText(), /孙燕/, "what changed is folded");
  await row.locator("summary").click();
  await page.waitForFunction(() => document.querySelector("table.audit tbody tr").innerText.includes("孙燕"));
  await pictures.of(page, "audit-of-a-task");
}

async function a_task_that_is_over_shows_whoever_answered_it_their_answer({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13800000074", place: "江南路 74 号" });
  const task = await house.task(run);
  await house.post(`/api/v1/tasks/${task.id}/answer`, { by: "li.na", fields: { found: "换了阀门", fixed: true } });
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  assert.match(await page.innerText("main"), /这件事您已经办好[\s\S]*查到什么\s*换了阀门/);
  await pictures.of(page, "task-over");
}

export const stories = [
  a_task_that_is_over_shows_whoever_answered_it_their_answer,
  the_audit_is_a_short_line_of_each_act_on_a_phone_and_unfolds,
  a_second_line_on_a_phone_stands_beside_its_word_and_not_under_it,
  a_picture_shows_at_its_edge_that_it_goes_on_and_a_keyboard_gets_there,
];
