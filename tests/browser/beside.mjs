// What is typed on a page stays, whatever button of the page is pressed.

import assert from "node:assert/strict";
import { says } from "./windows.mjs";

const SEND = 'form[action$="/answer"] button[type=submit]:not([formaction])';
const COMMENT = 'form[action$="/comment"]';

async function what_is_typed_into_a_task_stays_whatever_other_button_of_its_page_is_pressed({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000061", place: "江南路 61 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.fill('[name="f.found"]', "写了一半\n还有一半");
  await page.check('[name="f.parts"][value="阀门"]');
  await page.setInputFiles('[name="f.photo"]', { name: "现场.png", mimeType: "image/png", buffer: Buffer.from("png") });
  const stands = async (when) => {
    assert.equal(await page.inputValue('[name="f.found"]'), "写了一半\n还有一半", when);
    assert.equal(await page.isChecked('[name="f.parts"][value="阀门"]'), true, when);
    assert.equal(await page.evaluate(() => document.querySelector('[name="f.photo"]').files[0]?.name), "现场.png", when);
  };
  await page.click('form[action$="/claim"] button');
  await page.waitForSelector('form[action$="/release"]');
  await stands("when it was taken");
  await page.click(`details:has(${COMMENT}) summary`);
  await page.fill("#said", "已到现场");
  await page.click(`${COMMENT} button`);
  await page.waitForSelector('.comments:has-text("已到现场")');
  assert.equal(await page.inputValue("#said"), "", "what was said is said");
  await stands("when something was said");
  // The stream goes on over the page that took the place of the first.
  await house.post(`/api/v1/tasks/${task.id}/comment`, { by: "sun.yan", text: "我来帮忙" });
  await says(page, "我来帮忙");
  await stands("when somebody else said something");
  if (!(await page.isVisible("#said"))) await page.click(`details:has(${COMMENT}) summary`);
  await page.fill("#said", "还没有说完");
  await page.fill('[name="f.found"]', "长".repeat(2_001));
  await page.check('[name="f.fixed"][value="yes"]');
  await page.click(SEND);
  await page.waitForSelector('#asked [role=alert]');
  assert.equal(await page.inputValue("#said"), "还没有说完", "a comment waits for the answer that was refused");
  assert.equal(await page.evaluate(() => document.querySelector('[name="f.photo"]').files[0]?.name), "现场.png");
  await page.fill('[name="f.found"]', "修好");
  await page.click(`${COMMENT} button`);
  await page.waitForSelector('.comments:has-text("还没有说完")');
  assert.equal(await page.inputValue('[name="f.found"]'), "修好", "also on the page that came in answer to a form");
  await page.click(SEND);
  await says(page, "办好了");
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  const [visit] = shown.steps[0].items;
  assert.deepEqual([visit.output.found, visit.output.parts, visit.output.photo.name], ["修好", ["阀门"], "现场.png"]);
}

async function a_reason_typed_for_one_clock_stays_when_another_is_stopped({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000062", place: "江南路 62 号" });
  await house.task(run);
  const page = await windows.of("wang.wei");
  await page.goto(house.at(`/runs/${run}`));
  await page.click('details:has(form[action$="/cancel"]) summary');
  await page.fill("#reason\\.cancel", "客户可能撤回");
  await page.click('details:has(form[action$="/pause"]) summary');
  await page.fill("#reason\\.pause\\.visit", "等配件");
  await page.click('form[action$="/pause"] button');
  await page.waitForSelector('form[action$="/resume"]', { state: "attached" });
  assert.equal(await page.inputValue("#reason\\.cancel"), "客户可能撤回");
}

async function a_case_that_is_there_already_is_named_while_the_form_is_filled_in({ windows, house }) {
  const office = await windows.of("li.na");
  await office.goto(house.at("/new/fault/counter"));
  await office.fill('[name="f.phone"]', "13800000063");
  await office.fill('[name="f.place"]', "江南路 63 号");
  await office.click("form.sheet button[type=submit]:not([name])");
  await office.waitForURL("**/runs/run_*");
  await office.goto(house.at("/new/fault/counter"));
  await office.fill('[name="f.phone"]', "13800000063");
  await office.fill('[name="f.place"]', "写到一半");
  await says(office, "已有一件在办的");
  assert.equal(await office.inputValue('[name="f.place"]'), "写到一半");
  assert.match(await office.innerText("#same"), /故障报修/);
  assert.match(await office.innerText("form.sheet button[type=submit]:not([name])"), /仍要/);
  await office.fill('[name="f.phone"]', "13800000064");
  await office.press('[name="f.phone"]', "Tab");
  await office.waitForFunction(() => document.querySelector("#same").innerText === "");
  assert.equal((await house.get("/api/v1/runs?key=13800000063")).items.length, 1, "asking begins nothing");
}

export const stories = [
  a_case_that_is_there_already_is_named_while_the_form_is_filled_in,
  what_is_typed_into_a_task_stays_whatever_other_button_of_its_page_is_pressed,
  a_reason_typed_for_one_clock_stays_when_another_is_stopped,
];
