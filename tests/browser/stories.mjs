// What people of the house do. The names say what is shown; `pictures.of` keeps each page and looks at it.

import assert from "node:assert/strict";
import { PASSWORD, says, signIn, words } from "./windows.mjs";

const photo = { name: "水表.png", mimeType: "image/png", buffer: Buffer.from("89504e470d0a1a0a", "hex") };

/** The button that sends a task's form. */
const SEND = 'form[action$="/answer"] button[type=submit]:not([formaction])';

async function a_clerk_comes_in_by_invitation_and_sees_nothing_of_others({ windows, house, pictures }) {
  await house.start("secret", { what: "别部门的事" });
  const page = await windows.stranger();
  await page.goto(house.at("/tasks"));
  assert.match(page.url(), /sign-in/, "a stranger is led to the door");
  await pictures.of(page, "sign-in");
  const { link } = await house.post("/api/v1/accounts/li.na/invite", {});
  const path = new URL(link, house.address).pathname;
  await page.goto(house.at(path));
  await pictures.of(page, "invitation");
  await page.fill("#password", PASSWORD);
  await page.fill("#again", "something else");
  await page.click("main button[type=submit]");
  await says(page, "两次输入的不一样");
  await windows.accept(page, "li.na");
  assert.ok(!(await words(page)).includes("别部门的事"));
  await pictures.of(page, "tasks-none");
  await page.click("form[action='/sign-out'] button");
  await page.waitForURL("**/sign-in");
  await signIn(page, "李娜");
  await page.waitForURL("**/tasks");
  await page.goto(house.at(path));
  await says(page, "这个邀请已经失效");
  await pictures.of(page, "invitation-void");
}

async function a_case_goes_from_new_case_over_evidence_to_an_approval_by_a_mail_link({ windows, house, pictures }) {
  const page = await windows.of("li.na");
  await page.goto(house.at("/new"));
  await pictures.of(page, "new");
  await page.click("main a:has-text('故障报修')");
  await pictures.of(page, "new-form");
  await page.fill('[name="f.phone"]', "13800000001");
  await page.fill('[name="f.place"]', "人民路 1 号\n二单元");
  await page.setInputFiles('[name="f.paper"]', photo);
  await page.click("form.sheet button[type=submit]");
  await page.waitForURL("**/runs/run_*");
  const run = new URL(page.url()).pathname.split("/").pop();
  await house.task(run);
  await page.goto(house.at("/tasks"));
  await pictures.of(page, "tasks");
  await page.click("main a:has-text('人民路 1 号')");
  await page.click("form[action$='/claim'] button");
  await page.waitForSelector("form[action$='/release']");
  await page.fill('[name="f.found"]', "水表冻裂");
  await page.click("button[formaction$='/draft']");
  await says(page, "草稿存于");
  assert.equal(await page.inputValue('[name="f.found"]'), "水表冻裂", "a draft is there again");
  await pictures.of(page, "task");
  await page.fill('[name="f.found"]', "水表冻裂\n已换新表");
  await page.check('[name="f.parts"][value="水表"]');
  await page.check('[name="f.fixed"][value="yes"]');
  await page.setInputFiles('[name="f.photo"]', photo);
  await page.click(SEND);
  await says(page, "办好了");
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  const output = shown.steps.find((step) => step.id === "visit").items[0].output;
  assert.equal(output.found.replaceAll("\r", ""), "水表冻裂\n已换新表");
  assert.deepEqual([output.photo.name, output.parts], ["水表.png", ["水表"]]);

  const phone = await windows.stranger({ viewport: { width: 390, height: 844 }, isMobile: true });
  const link = await house.link("wang@example.com", "13800000001", "同意");
  await phone.goto(house.at(link));
  assert.equal((await house.get(`/api/v1/runs/${run}`)).state, "open", "to open a link decides nothing");
  await pictures.of(phone, "mail-link");
  await phone.click("main button[type=submit]");
  await says(phone, "已记下");
  await pictures.of(phone, "mail-link-done");
  await house.ends(run, "done");
  await phone.goto(house.at(link));
  await pictures.of(phone, "mail-link-over");
  await page.goto(house.at(`/runs/${run}`));
  await pictures.of(page, "run-done");
}

async function an_operator_finds_a_run_that_looks_stuck_and_reads_why({ windows, house, pictures }) {
  const run = await house.start("payment", { number: "A-77" });
  const page = await windows.of("wang.wei");
  await page.goto(house.at("/runs"));
  await pictures.of(page, "runs");
  await page.selectOption('[name="workflow"]', "payment");
  await page.selectOption('[name="state"]', "open");
  await page.click("form.filters button");
  await page.click("main a:has-text('收款')");
  await page.waitForURL(`**/runs/${run}`);
  await says(page, "payment.received");
  assert.match(await page.innerText(".why"), /A-77/);
  await pictures.of(page, "run-waiting");
  await house.post("/api/v1/events", { name: "payment.received", key: "A-77", id: "paid-77", data: {} });
  await house.ends(run, "done");
}

async function a_form_that_comes_after_the_session_is_over_comes_back_as_it_was_filled_in({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13800000002", place: "河东路 2 号" });
  await house.task(run);
  const page = await windows.stranger();
  await windows.accept(page, "sun.yan");
  await page.click("main a:has-text('河东路 2 号')");
  const typed = "第一行\n<b>第二行</b> \"引号\" & 'x'";
  await page.fill('[name="f.found"]', typed);
  await page.check('[name="f.parts"][value="阀门"]');
  await page.check('[name="f.fixed"][value="yes"]');
  await page.setInputFiles('[name="f.photo"]', photo);
  const { items } = await house.get("/api/v1/sessions?limit=200");
  for (const session of items.filter((one) => one.person === "sun.yan")) await house.post(`/api/v1/sessions/${session.id}/end`, {});
  await page.click(SEND);
  await says(page, "登录已过期");
  await pictures.of(page, "session-over");
  await signIn(page, "sun.yan", "not the password");
  await says(page, "名字或密码不对");
  await signIn(page, "sun.yan");
  await says(page, "已重新登录");
  await pictures.of(page, "session-again");
  await page.click("main button[type=submit]");
  await says(page, "还没有提交");
  assert.equal(await page.inputValue('[name="f.found"]'), typed);
  assert.ok(await page.isChecked('[name="f.parts"][value="阀门"]'));
  await page.setInputFiles('[name="f.photo"]', photo);
  await page.click(SEND);
  await says(page, "办好了");
  const shown = await house.get(`/api/v1/runs/${run}?private=true`);
  const output = shown.steps.find((step) => step.id === "visit").items[0].output;
  assert.equal(output.found.replaceAll("\r", ""), typed);
}

async function every_page_for_those_who_run_the_house_can_be_used_by_everybody({ windows, house, pictures }) {
  await house.start("payment", { number: "B-1" });
  const page = await windows.of("zhao.min");
  const all = {
    workflows: "/workflows",
    workflow: "/workflows/fault",
    trial: "/workflows/fault/trial",
    registers: "/registers",
    "tasks-answered-none": "/tasks?only=answered",
    system: "/system",
    accounts: "/system/accounts",
    audit: "/system/audit",
    nowhere: "/nowhere",
    "run-unknown": "/runs/run_0000000000000",
  };
  for (const [name, path] of Object.entries(all)) {
    await page.goto(house.at(path));
    await pictures.of(page, name);
  }
  await page.goto(house.at("/workflows/fault/trial"));
  await page.fill('[name="f.phone"]', "13800000009");
  await page.fill('[name="f.place"]', "试一试");
  await page.click("main form button[type=submit]");
  await page.waitForLoadState();
  await pictures.of(page, "trial-walked");
}

export const stories = [
  a_clerk_comes_in_by_invitation_and_sees_nothing_of_others,
  a_case_goes_from_new_case_over_evidence_to_an_approval_by_a_mail_link,
  an_operator_finds_a_run_that_looks_stuck_and_reads_why,
  a_form_that_comes_after_the_session_is_over_comes_back_as_it_was_filled_in,
  every_page_for_those_who_run_the_house_can_be_used_by_everybody,
];
