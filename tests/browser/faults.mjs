// What goes wrong, by ill will or by chance. Each is told in a sentence, and nothing happens twice or unseen.

import assert from "node:assert/strict";
import { says, words } from "./windows.mjs";

const SEND = 'form[action$="/answer"] button[type=submit]:not([formaction])';

const HOSTILE = "<script>alert('x')</script><img src=x onerror=alert('y')>{{ 7 * 7 }}\"'`;--";

async function task_of(house, phone, place) {
  const run = await house.start("fault", { phone, place });
  return { run, task: await house.task(run) };
}

async function what_is_hostile_in_a_form_stays_text_on_every_page({ windows, house }) {
  const page = await windows.of("li.na");
  await page.goto(house.at("/new/fault/counter"));
  await page.fill('[name="f.phone"]', `139 ${"<b>'\"&"}`);
  await page.fill('[name="f.place"]', HOSTILE);
  await page.setInputFiles('[name="f.paper"]', { name: `..\\..\\<i>x</i>"\u202egnp.exe`, mimeType: "text/html", buffer: Buffer.from("<script>alert(1)</script>") });
  await page.click("form.sheet button[type=submit]");
  await page.waitForURL("**/runs/run_*");
  const run = new URL(page.url()).pathname.split("/").pop();
  const task = await house.task(run);
  const seen = [`/runs/${run}`, "/tasks", `/tasks/${task.id}`, "/runs", "/new"];
  for (const path of seen) {
    await page.goto(house.at(path));
    assert.equal(await page.locator("main script, main img, main i, main b").count(), 0, path);
  }
  await page.goto(house.at(`/tasks/${task.id}`));
  assert.ok((await words(page)).includes("{{ 7 * 7 }}"), "what a customer said is no expression");
  await page.fill('[name="f.found"]', HOSTILE);
  await page.check('[name="f.fixed"][value="yes"]');
  await page.click(SEND);
  await says(page, "办好了");
  const office = await windows.of("wang.wei");
  for (const path of [`/runs/${run}`, "/tasks", "/runs?text=%3Cscript%3E"]) {
    await office.goto(house.at(path));
    assert.equal(await office.locator("main script, main img, main i").count(), 0, path);
  }
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  assert.equal(shown.input.place, HOSTILE);
  assert.doesNotMatch(shown.input.paper.name, /[\\/]/, "a file's name leads into no folder");
  const file = await office.request.get(house.at(`/api/v1/runs/${run}/files/${shown.input.paper.artifact}`));
  assert.match(file.headers()["content-disposition"] ?? "", /^attachment/, "a file is saved, not opened");
  assert.equal(file.headers()["x-content-type-options"], "nosniff");
}

async function what_does_not_fit_is_said_beside_its_field_and_nothing_typed_is_lost({ windows, house, pictures }) {
  const { run, task } = await task_of(house, "13800000010", "江北路 10 号");
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  const long = "长".repeat(2_001);
  // What a browser itself holds back is taken away: whoever is hostile sends it all the same.
  await page.fill('[name="f.found"]', long);
  await page.evaluate((send) => {
    document.querySelectorAll("[required], [maxlength]").forEach((field) => ["required", "maxlength"].forEach((name) => field.removeAttribute(name)));
    document.querySelector(send).click();
  }, SEND);
  await says(page, "还没有提交");
  assert.equal(await page.inputValue('[name="f.found"]'), long);
  await pictures.of(page, "task-faults");
  await page.fill('[name="f.found"]', "空\u0000\u0008白");
  await page.check('[name="f.fixed"][value="yes"]');
  await page.click(SEND);
  // Signs that no keyboard has are kept like others, and nothing fails because of them.
  await says(page, "办好了");
  const ended = await house.get(`/api/v1/runs/${run}?private=true`);
  assert.equal(ended.steps[0].items[0].output.found, "空\u0000\u0008白");
  const tall = await windows.of("li.na");
  await tall.goto(house.at("/new/fault/counter"));
  await tall.evaluate(() => document.querySelectorAll("[required], [maxlength]").forEach((field) => ["required", "maxlength"].forEach((name) => field.removeAttribute(name))));
  await tall.evaluate(() => (document.querySelector('[name="f.place"]').value = "x".repeat(2 * 1024 * 1024)));
  await tall.fill('[name="f.phone"]', "1");
  await tall.click("form.sheet button[type=submit]");
  await says(tall, "最多 100000");
}

async function of_two_who_answer_one_task_the_second_is_told_and_an_old_page_does_nothing({ windows, house, pictures }) {
  const { run, task } = await task_of(house, "13800000011", "江北路 11 号");
  const pages = [await windows.of("li.na"), await windows.of("sun.yan")];
  for (const [at, page] of pages.entries()) {
    await page.goto(house.at(`/tasks/${task.id}`));
    await page.fill('[name="f.found"]', `从 ${at} 来`);
    await page.check('[name="f.fixed"][value="yes"]');
  }
  // Where no scripts run, a page does not follow what happens.
  const old = await windows.of("sun.yan", { javaScriptEnabled: false });
  await old.goto(house.at("/tasks"));
  await old.check(`[name="task"][value="${task.id}"]`);
  const late = await windows.of("sun.yan", { javaScriptEnabled: false });
  await late.goto(house.at(`/tasks/${task.id}`));
  await late.fill('[name="f.found"]', "从别处来");
  await late.check('[name="f.fixed"][value="yes"]');
  await pages[0].click(SEND);
  await says(pages[0], "办好了");
  await says(pages[1], "李娜 已经办好这件事");
  assert.doesNotMatch(await words(pages[1]), /办好了/);
  assert.equal(await pages[1].locator(SEND).count(), 0, "what follows takes no more");
  assert.equal(await pages[1].inputValue('[name="f.found"]'), "从 1 来", "and keeps it to be copied");
  await pictures.of(pages[1], "answered-by-somebody-else");
  await late.click(SEND);
  await late.locator("text=李娜 已经办好这件事").waitFor();
  await late.locator("text=这里没有再记下什么").waitFor();
  await old.click("main form[action='/tasks/claim'] button[type=submit]");
  await old.locator("text=已被别人接走").waitFor();
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  assert.equal(shown.steps.find((step) => step.id === "visit").items[0].output.found, "从 0 来");
}

async function a_case_of_another_department_and_a_token_of_another_scope_open_nothing({ windows, house, pictures }) {
  const run = await house.start("secret", { what: "只给办公室看" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  for (const path of [`/runs/${run}`, `/tasks/${task.id}`, "/workflows/secret", "/new/secret", "/system", "/system/audit"]) {
    const answer = await page.goto(house.at(path));
    assert.ok(answer.status() >= 400, `${path}: ${answer.status()}`);
    assert.ok(!(await words(page)).includes("只给办公室看"), path);
    assert.match(await words(page), /看不了这一页/, path);
  }
  await page.goto(house.at(`/runs/${run}`));
  await pictures.of(page, "not-yours");
  const { token } = await house.post("/api/v1/tokens", { name: "crm", may: "viewer", on: ["fault"] });
  const asked = async (method, path, body, language = "en") => {
    const { status, text } = await house.answer(method, path, { body, token, language });
    return { status, ...JSON.parse(text) };
  };
  assert.equal((await asked("GET", "/api/v1/workflows/fault")).status, 200);
  const unseen = await asked("GET", `/api/v1/runs/${run}`);
  assert.deepEqual([unseen.status, unseen.code], [404, "YZ0404"], "it does not say that there is one");
  assert.ok(!JSON.stringify(unseen).includes("secret"));
  const refused = [
    ["POST", `/api/v1/runs/${run}/cancel`, { reason: "x" }],
    ["POST", "/api/v1/workflows/fault/runs", { input: { phone: "1", place: "x" } }],
    ["GET", "/api/v1/audit"],
  ];
  for (const [method, path, body] of refused) {
    for (const [language, sentence] of [["en", /^this needs the role (operator|worker|admin)/], ["zh-CN", /^需要 .+ 权限$/]]) {
      const said = await asked(method, path, body, language);
      assert.equal(said.status, 403, path);
      assert.match(said.detail, sentence, path);
      assert.match(said.help, /people\.toml/, "with the next step");
    }
  }
  assert.equal((await house.get(`/api/v1/runs/${run}`)).state, "open");
}

export const stories = [
  what_is_hostile_in_a_form_stays_text_on_every_page,
  what_does_not_fit_is_said_beside_its_field_and_nothing_typed_is_lost,
  of_two_who_answer_one_task_the_second_is_told_and_an_old_page_does_nothing,
  a_case_of_another_department_and_a_token_of_another_scope_open_nothing,
];
