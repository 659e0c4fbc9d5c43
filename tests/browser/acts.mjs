// What people do beside answering: each kind of field filled in, tasks taken together and handed on, more time asked for, a
// case that failed, one whose outcome nobody knows, and what administrators make.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { says, words } from "./windows.mjs";

const SEND = 'form[action$="/answer"] button[type=submit]:not([formaction])';

/** Presses a button, and waits for the page to which it leads: to go elsewhere meanwhile would be cut off by it. */
function pressed(page, button) {
  return Promise.all([page.waitForNavigation(), page.click(button)]);
}

async function each_kind_of_field_is_filled_in_on_a_phone_and_comes_back_as_it_was_meant({ windows, house, pictures }) {
  const page = await windows.of("li.na", { viewport: { width: 390, height: 844 }, isMobile: true });
  await page.goto(house.at("/new/install/counter"));
  const typed = {
    account: "1024", phone: "0731-8888 6666", card: "11010519491231002X", day: "2026-12-01", hour: "09:30",
    until: "2026-12-02T18:00", size: "15.5", fee: "1280.50",
  };
  for (const [name, value] of Object.entries(typed)) await page.fill(`[name="f.${name}"]`, value);
  await page.check('[name="f.kind"][value="远传表"]');
  await page.check('[name="f.rooms"][value="厨房"]');
  await page.check('[name="f.rooms"][value="表井"]');
  await page.check('[name="f.garden"][value="no"]');
  await page.fill('[name="f.fitter"]', "sun.yan");
  await pictures.of(page, "fields-start");
  await page.click("form.sheet button[type=submit]");
  await page.waitForURL("**/runs/run_*");
  const run = new URL(page.url()).pathname.split("/").pop();
  const { input } = await house.get(`/api/v1/runs/${run}?private=true`);
  assert.deepEqual(input, {
    account: 1024, phone: "0731-8888 6666", mail: null, card: "11010519491231002X", day: "2026-12-01", hour: "09:30",
    until: "2026-12-02T18:00:00", size: 15.5, fee: 1280.5, kind: "远传表", rooms: ["厨房", "表井"], fitter: "person:sun.yan",
    garden: false,
  });
  const task = await house.task(run);
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.check('[name="f.papers"][value="card"]');
  await page.check('[name="f.sign.signed"][value="no"]');
  await page.fill('[name="f.sign.by"]', "赵先生");
  await page.fill('[name="f.sign.reason"]', "对费用有异议");
  await page.fill('[name="f.parts.0.name"]', "水表");
  await page.fill('[name="f.parts.0.count"]', "1");
  await page.fill('[name="f.parts.1.name"]', "弯头");
  await page.fill('[name="f.parts.1.count"]', "4");
  await pictures.of(page, "fields-task");
  await page.click(SEND);
  await says(page, "见证");
  await page.fill('[name="f.sign.witness"]', "sun.yan");
  assert.equal(await page.inputValue('[name="f.parts.1.name"]'), "弯头", "the rows stay over what was refused");
  await page.click(SEND);
  await says(page, "办好了");
  const shown = await house.ends(run, "done");
  const { papers, sign, parts } = shown.steps[0].items[0].output;
  assert.deepEqual([papers.done, papers.missing, parts], [["card"], ["deed"], [{ name: "水表", count: 1 }, { name: "弯头", count: 4 }]]);
  assert.deepEqual([sign.refused, sign.by, sign.reason], [true, "赵先生", "对费用有异议"]);
  await page.goto(house.at(`/runs/${run}`));
  const told = await words(page);
  assert.ok(told.includes("孙燕") && !told.includes("sun.yan"), "a person is called by their name");
  assert.ok(told.includes("2026-12-02 18:00") && !told.includes("2026-12-02T18"), "and a time is read as it was chosen");
  await pictures.of(page, "fields-case");
}

async function tasks_are_taken_together_handed_on_and_given_more_time({ windows, house, pictures }) {
  const input = (account) => ({
    account, phone: "13800000001", card: "11010519491231002X", day: "2026-12-01", hour: "09:30", until: "2026-12-02T18:00",
    size: 15, fee: 10, kind: "机械表", fitter: "person:sun.yan", garden: true,
  });
  const runs = [await house.start("install", input(7001)), await house.start("install", input(7002))];
  const tasks = [await house.task(runs[0]), await house.task(runs[1])];
  const page = await windows.of("li.na");
  await page.goto(house.at("/tasks?text=700"));
  for (const task of tasks) await page.check(`input[name="task"][value="${task.id}"]`);
  await page.click("main form[action='/tasks/claim'] button[type=submit]");
  await page.waitForURL("**/tasks?only=mine");
  await house.until("both to be hers", async () => {
    const all = await Promise.all(tasks.map((task) => house.get(`/api/v1/tasks/${task.id}`)));
    return all.every((task) => task.claimed_by === "person:li.na");
  });
  await page.goto(house.at(`/tasks/${tasks[0].id}`));
  await page.click('details:has(form[action$="/hand-over"]) summary');
  await page.selectOption('[name="to"]', "person:sun.yan");
  await page.fill('[name="note"]', "我今天不在");
  await pictures.of(page, "task-acts");
  await page.click('form[action$="/hand-over"] button[type=submit]');
  await page.waitForURL("**/tasks?done=*");
  await house.until("it to be hers", async () => (await house.get(`/api/v1/tasks/${tasks[0].id}`)).who.includes("person:sun.yan"));
  await page.goto(house.at(`/tasks/${tasks[1].id}`));
  await page.click('details:has(form[action$="/extend"]) summary');
  await page.fill('form[action$="/extend"] [name="f.until"]', "2099-12-31T18:00");
  await page.fill('form[action$="/extend"] [name="f.why"]', "等配件");
  await page.click('form[action$="/extend"] button[type=submit]');
  const grant = await house.until("the question", async () => {
    const { items } = await house.get(`/api/v1/tasks?run=${runs[1]}`);
    return items.find((task) => task.title.includes("延期"));
  });
  await house.post(`/api/v1/tasks/${grant.id}/answer`, { by: "person:wang.wei", fields: { approved: true } });
  await house.until("more time", async () => (await house.get(`/api/v1/tasks/${tasks[1].id}`)).due.startsWith("2099-12-31"));
}

async function a_case_that_failed_is_tried_again_and_one_that_nobody_knows_of_is_decided({ windows, house, pictures }) {
  const page = await windows.of("wang.wei");
  const failed = await house.start("shut-off", { how: "fail" });
  await house.ends(failed, "failed");
  await page.goto(house.at(`/runs/${failed}`));
  await says(page, "阀门卡住了");
  await pictures.of(page, "run-failed");
  await page.goto(house.at(`/runs/${failed}?retry=valve`));
  await pictures.of(page, "run-retry");
  const begun = (await house.get(`/api/v1/runs/${failed}/attempts`)).items.length;
  await pressed(page, 'form[action$="/retry"] button[type=submit]');
  await house.until("another attempt", async () => (await house.get(`/api/v1/runs/${failed}/attempts`)).items.length > begun);
  await house.ends(failed, "failed");

  const lost = await house.start("shut-off", { how: "crash" });
  await house.task(lost);
  await page.goto(house.at(`/runs/${lost}`));
  await pictures.of(page, "run-unknown-outcome");
  await page.check('form[action$="/settle"] [name="verdict"][value="happened"]');
  await page.check('form[action$="/settle"] [name="looked"]');
  await page.fill('form[action$="/settle"] [name="reason"]', "问过值班员");
  await pressed(page, 'form[action$="/settle"] button[type=submit]');
  await house.ends(lost, "done");

  const open = await house.start("payment", { number: "C-9" });
  await page.goto(house.at(`/runs/${open}`));
  await page.click('details:has(form[action$="/cancel"]) summary');
  await page.fill('form[action$="/cancel"] [name="reason"]', "客户撤回");
  await pressed(page, 'form[action$="/cancel"] button[type=submit]');
  await house.ends(open, "cancelled");
  await says(page, "客户撤回");
}

async function a_file_with_a_fault_is_shown_with_its_caret_and_a_token_is_shown_once({ windows, house, pictures }) {
  const file = `${house.home}/workflows/broken.toml`;
  const page = await windows.of("zhao.min");
  await writeFile(file, 'title = "坏"\n[step.a]\naks = "group:热线"\n');
  try {
    await house.post("/api/v1/reload", {});
    await page.goto(house.at("/workflows/broken"));
    await says(page, "^^^");
    assert.match(await words(page), /ask/, "with what was probably meant");
    await pictures.of(page, "workflow-faulty");
  } finally {
    await rm(file);
    await house.post("/api/v1/reload", {});
  }
  await page.goto(house.at("/system/accounts"));
  await page.click("details:has(#token-name) summary");
  await page.fill("#token-name", "meters");
  await page.click("form[action='/system/tokens'] button[type=submit]");
  await says(page, "yzt_");
  await pictures.of(page, "token-made");
  await page.goto(house.at("/system/accounts"));
  assert.ok(!(await words(page)).includes("yzt_"), "it is shown this once");
  await page.goto(house.at("/system/audit?verify=true"));
  await pictures.of(page, "audit-verified");
}

export const stories = [
  each_kind_of_field_is_filled_in_on_a_phone_and_comes_back_as_it_was_meant,
  tasks_are_taken_together_handed_on_and_given_more_time,
  a_case_that_failed_is_tried_again_and_one_that_nobody_knows_of_is_decided,
  a_file_with_a_fault_is_shown_with_its_caret_and_a_token_is_shown_once,
];
