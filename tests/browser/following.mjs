// Pages that stand open while something happens elsewhere, and lines that break off.

import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { Line } from "./line.mjs";
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

async function a_task_that_stands_open_says_what_others_do_with_it_and_keeps_what_is_typed({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13800000023", place: "江南路 23 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.fill('[name="f.found"]', "正在写");
  const typed = () => page.inputValue('[name="f.found"]');
  const act = (verb, body) => house.post(`/api/v1/tasks/${task.id}/${verb}`, { by: "sun.yan", ...body });
  await act("comment", { text: "我在路上" });
  await says(page, "我在路上");
  await house.post(`/api/v1/tasks/${task.id}/due`, { to: "2099-01-02 10:00", reason: "客户要求" });
  await says(page, "2099-01-02");
  await act("claim", {});
  await says(page, "孙燕 正在办这件事");
  assert.equal(await typed(), "正在写");
  await pictures.of(page, "task-of-somebody-else");
  await act("answer", { fields: { found: "修好", fixed: true } });
  await says(page, "孙燕 已经办好这件事");
  assert.equal(await typed(), "正在写", "to be copied elsewhere");
  assert.equal(await page.locator("main form[method=post] button").count(), 0, "nothing can be sent any more");
  await pictures.of(page, "task-gone");
}

async function a_file_that_changes_comes_to_the_open_page_of_workflows({ windows, house }) {
  const page = await windows.of("zhao.min");
  await page.goto(house.at("/workflows"));
  const path = `${house.home}/workflows/extra.toml`;
  const put = async (text) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  const good = 'title = "另外一个"\n[trigger.desk]\nby_hand = ["group:热线"]\n[step.note]\nask = "group:热线"\n';
  await put(good);
  await says(page, "另外一个");
  const own = await windows.of("zhao.min");
  await own.goto(house.at("/workflows/extra"));
  await put(good.replace("ask =", "asks ="));
  await says(page, "旧版生效");
  await says(own, "旧版生效");
  await house.post("/api/v1/triggers/extra/desk/pause", { reason: "停几天" });
  await says(own, "停几天");
  await says(page, "已暂停");
}

async function a_new_case_that_is_half_filled_in_waits_for_whoever_began_it({ windows, house, pictures }) {
  const page = await windows.of("li.na");
  await page.goto(house.at("/new/fault/counter"));
  await page.fill('[name="f.place"]', "江南路 24 号\n\"三楼\"");
  await page.click("button[formaction$='/keep']");
  await says(page, "草稿存于");
  await pictures.of(page, "new-draft");
  const later = await windows.of("li.na");
  await later.goto(house.at("/new"));
  await says(later, "有草稿");
  await pictures.of(later, "new-with-a-draft");
  await later.click("main a:has-text('故障报修')");
  assert.equal(await later.inputValue('[name="f.place"]'), "江南路 24 号\n\"三楼\"");
  await later.fill('[name="f.phone"]', "13800000024");
  await later.click("form.sheet button[type=submit]:not([formaction])");
  await later.waitForURL("**/runs/run_*");
  await later.goto(house.at("/new"));
  assert.doesNotMatch(await words(later), /有草稿/);
}

async function an_administrator_reads_the_log_without_a_terminal({ windows, house, pictures }) {
  const page = await windows.of("zhao.min");
  await page.goto(house.at("/system"));
  await page.click("nav.parts a:has-text('日志')");
  await page.waitForSelector("ol.log li");
  await pictures.of(page, "log");
  await page.selectOption('[name="level"]', "error");
  await page.click("form.filters button");
  await page.waitForURL("**level=error**");
  const office = await windows.of("wang.wei");
  const answer = await office.goto(house.at("/system/log"));
  assert.equal(answer.status(), 403);
}

async function weight(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("HeapProfiler.collectGarbage");
  const { usedSize } = await client.send("Runtime.getHeapUsage");
  await client.detach();
  return { heap: usedSize, nodes: await page.evaluate(() => document.querySelectorAll("*").length) };
}

async function pages_through_which_an_hour_of_events_is_played_in_a_minute_do_not_grow({ windows, house }) {
  const office = ["/runs", `/tasks?text=${encodeURIComponent("江南路 40 号")}`, "/system"];
  const pages = [];
  for (const path of office) {
    const page = await windows.of(path.startsWith("/tasks") ? "li.na" : "wang.wei");
    await page.goto(house.at(path));
    pages.push(page);
  }
  const runs = await Promise.all([...Array(6).keys()].map((at) => house.start("fault", { phone: `1380000040${at}`, place: "江南路 40 号" })));
  const tasks = await Promise.all(runs.map((run) => house.task(run)));
  /** Each is taken and given back in turn: two events, after which all is as before. */
  const play = (count) => Promise.all(tasks.map(async ({ id }) => {
    for (let at = 0; at < count / tasks.length / 2; at += 1) {
      for (const act of ["claim", "release"]) await house.post(`/api/v1/tasks/${id}/${act}`, { by: "li.na" });
    }
  }));
  // A page of tasks looks only when its list is another: the task is somebody's, and stays so until each page has seen it.
  const caught_up = async () => {
    for (const [act, shows] of [["claim", true], ["release", false]]) {
      const before = await Promise.all(pages.map(looked));
      await house.post(`/api/v1/tasks/${tasks[0].id}/${act}`, { by: "li.na" });
      await pages[1].waitForFunction((shows) => !!document.querySelector("main .taken") === shows, shows);
      await house.until(`each to have looked`, async () => (await Promise.all(pages.map(looked))).every((now, at) => at === 1 || now > before[at]));
    }
  };
  // The first looks fill what is kept for all that follow.
  await play(HOUR / 12);
  await caught_up();
  const before = await Promise.all(pages.map(weight));
  const [begun, looks] = [Date.now(), await Promise.all(pages.map(looked))];
  await play(HOUR);
  await caught_up();
  const took = Date.now() - begun;
  for (const [at, page] of pages.entries()) {
    const after = await weight(page);
    assert.equal(after.nodes, before[at].nodes, `nothing is left behind in ${office[at]}`);
    assert.ok(after.heap < before[at].heap + 1_000_000, `${office[at]} grew from ${before[at].heap} to ${after.heap} bytes`);
    const times = (await looked(page)) - looks[at];
    assert.ok(times > 2 && times < took / 500, `${office[at]} looked ${times} times in ${took} ms: it follows, and not each event by itself`);
  }
}

async function a_page_whose_line_is_gone_says_that_it_may_be_old_until_the_line_is_back({ windows, house, pictures }) {
  const line = await Line.to(house.address);
  try {
    const page = await windows.of("li.na");
    await page.goto(`${line.address}/tasks`);
    await page.waitForSelector("main[data-looked]");
    line.away();
    await page.waitForSelector("#away:not([hidden])");
    await pictures.of(page, "line-away");
    await house.start("fault", { phone: "13800000041", place: "江南路 41 号" });
    await line.back();
    await says(page, "江南路 41 号");
    await page.waitForSelector("#away", { state: "hidden" });
  } finally {
    line.close();
  }
}

async function what_was_typed_is_there_again_after_the_line_broke_off_where_no_scripts_run({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000022", place: "江南路 22 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na", { javaScriptEnabled: false });
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.fill('[name="f.found"]', "线路断了也在");
  await page.check('[name="f.fixed"][value="yes"]');
  await page.context().setOffline(true);
  await page.click('form[action$="/answer"] button[type=submit]:not([formaction])').catch(() => {});
  await page.context().setOffline(false);
  assert.equal((await house.get(`/api/v1/runs/${run}`)).state, "open", "what did not come does nothing");
  await page.goBack();
  assert.equal(await page.inputValue('[name="f.found"]'), "线路断了也在");
  assert.ok((await words(page)).includes("江南路 22 号"));
}

export const stories = [
  a_task_that_stands_open_says_what_others_do_with_it_and_keeps_what_is_typed,
  a_file_that_changes_comes_to_the_open_page_of_workflows,
  a_new_case_that_is_half_filled_in_waits_for_whoever_began_it,
  an_administrator_reads_the_log_without_a_terminal,
  what_happens_elsewhere_comes_to_an_open_page_and_what_is_typed_stays,
  pages_through_which_an_hour_of_events_is_played_in_a_minute_do_not_grow,
  a_page_whose_line_is_gone_says_that_it_may_be_old_until_the_line_is_back,
  what_was_typed_is_there_again_after_the_line_broke_off_where_no_scripts_run,
];
