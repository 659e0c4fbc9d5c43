// Lines that break while a form is on its way: nothing that was typed is lost, and nothing is done twice.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Line } from "./line.mjs";
import { says } from "./windows.mjs";

const SEND = 'form[action$="/answer"] button[type=submit]:not([formaction])';
const AGAIN = ".sending button";

async function over_a_line(house, story) {
  const line = await Line.to(house.address);
  try {
    await story(line);
  } finally {
    line.close();
  }
}

/** The runs of this key. */
const runs = async (house, key) => (await house.get(`/api/v1/runs?key=${key}`)).items;

async function an_upload_that_breaks_off_is_sent_again_with_all_that_was_typed_and_begins_one_case({ windows, house, pictures }) {
  const large = { name: "现场.png", mimeType: "image/png", buffer: randomBytes(6_000_000) };
  const page = await windows.of("li.na");
  await over_a_line(house, async (line) => {
    await page.goto(`${line.address}/new/fault/counter`);
    await page.fill('[name="f.phone"]', "13800000030");
    await page.fill('[name="f.place"]', "江南路 30 号\n后门");
    await page.setInputFiles('[name="f.paper"]', large);
    line.cut(1_000_000);
    await page.click("form.sheet button[type=submit]:not([name])");
    await says(page, "没有送到");
    assert.equal((await runs(house, "13800000030")).length, 0, "half a file begins nothing");
    assert.equal(await page.inputValue('[name="f.place"]'), "江南路 30 号\n后门");
    assert.equal(await page.evaluate(() => document.querySelector('[name="f.paper"]').files[0].size), 6_000_000);
    await pictures.of(page, "line-broken");
    line.mend();
    line.lose();
    await page.click(AGAIN);
    await page.waitForSelector("form[aria-busy=true]");
    await page.waitForSelector("form.sheet:not([aria-busy]) .sending [role=alert]:not([hidden])");
    await house.until("the case whose answer was lost", async () => (await runs(house, "13800000030")).length === 1);
    line.hold();
    await page.click(AGAIN);
    await says(page, "100%");
    assert.match(await page.innerText(".sending [role=status]"), /已发送 6\.0 MB,共 6\.0 MB/);
    await pictures.of(page, "line-sending");
    line.mend();
    await page.waitForURL("**/runs/run_*");
  });
  const [run, ...more] = await runs(house, "13800000030");
  assert.deepEqual(more, [], "sent three times, begun once");
  const shown = await house.get(`/api/v1/runs/${run.id}?private=true`);
  assert.equal(shown.input.place.replaceAll("\r", ""), "江南路 30 号\n后门");
  assert.equal(shown.input.paper.size, 6_000_000);
  const file = await page.request.get(house.at(`/api/v1/runs/${run.id}/files/${shown.input.paper.artifact}`));
  const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");
  assert.equal(digest(await file.body()), digest(large.buffer), "the file is whole");
}

async function an_answer_whose_reply_was_lost_is_said_to_have_arrived_and_counts_once({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000031", place: "江南路 31 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  // What tells the page of events is away as well: else it may say first that the task is over.
  await page.route("**/events*", (asked) => asked.abort());
  await over_a_line(house, async (line) => {
    await page.goto(`${line.address}/tasks/${task.id}`);
    await page.fill('[name="f.found"]', "只算一次");
    await page.check('[name="f.fixed"][value="yes"]');
    line.lose();
    await page.click(SEND);
    await says(page, "没有送到");
    assert.equal(await page.inputValue('[name="f.found"]'), "只算一次");
    line.mend();
    await page.click(AGAIN);
    await says(page, "没有再记一次");
  });
  const journal = await house.get(`/api/v1/runs/${run}/journal`);
  assert.equal(journal.items.filter((one) => one.event === "answered").length, 1);
}

async function an_answer_whose_reply_was_lost_is_seen_to_have_arrived_by_a_page_that_hears_of_it({ windows, house, pictures }) {
  const run = await house.start("fault", { phone: "13800000033", place: "江南路 33 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  await over_a_line(house, async (line) => {
    await page.goto(`${line.address}/tasks/${task.id}`);
    await page.fill('[name="f.found"]', "已经到了");
    await page.check('[name="f.fixed"][value="yes"]');
    line.lose();
    await page.click(SEND);
    await says(page, "这件事您已经办好");
    await page.waitForSelector(".sending", { state: "detached" });
    await pictures.of(page, "line-arrived");
  });
  assert.equal(await page.inputValue('[name="f.found"]'), "已经到了", "to be copied elsewhere");
  assert.equal(await page.locator("main form[method=post] button").count(), 0, "nothing is left to send");
}

async function what_was_typed_stays_where_the_daemon_is_away_and_goes_out_when_it_is_back({ windows, house }) {
  const run = await house.start("fault", { phone: "13800000021", place: "江南路 21 号" });
  const task = await house.task(run);
  const page = await windows.of("li.na");
  await page.goto(house.at(`/tasks/${task.id}`));
  await page.fill('[name="f.found"]', "线路断了也在");
  await page.check('[name="f.fixed"][value="yes"]');
  await page.context().setOffline(true);
  await page.click(SEND);
  await says(page, "没有送到");
  assert.equal((await house.get(`/api/v1/runs/${run}`)).state, "open", "what did not come does nothing");
  assert.equal(await page.inputValue('[name="f.found"]'), "线路断了也在");
  await page.context().setOffline(false);
  await page.click(AGAIN);
  await says(page, "办好了");
}

async function a_refusal_that_has_no_place_for_the_form_leaves_it_as_it_was_filled_in({ windows, house }) {
  const page = await windows.of("li.na");
  await page.goto(house.at("/new/fault/counter"));
  await page.fill('[name="f.phone"]', "13800000032");
  await page.fill('[name="f.place"]', "江南路 32 号");
  await page.evaluate(() => {
    const chosen = new DataTransfer();
    chosen.items.add(new File([new Uint8Array(30_000_000)], "大.png"));
    document.querySelector('[name="f.paper"]').files = chosen.files;
  });
  await page.click("form.sheet button[type=submit]:not([name])");
  await says(page, "文件太大");
  assert.equal(await page.inputValue('[name="f.place"]'), "江南路 32 号");
  await page.evaluate(() => delete document.querySelector("#sending").dataset.most);
  await page.click("form.sheet button[type=submit]:not([name])");
  await page.waitForSelector("form.sheet:not([aria-busy]) .sending [role=alert]:not([hidden])");
  assert.equal(await page.inputValue('[name="f.place"]'), "江南路 32 号", "the daemon itself refused it");
  assert.equal((await runs(house, "13800000032")).length, 0);
}

export const stories = [
  an_upload_that_breaks_off_is_sent_again_with_all_that_was_typed_and_begins_one_case,
  an_answer_whose_reply_was_lost_is_said_to_have_arrived_and_counts_once,
  an_answer_whose_reply_was_lost_is_seen_to_have_arrived_by_a_page_that_hears_of_it,
  what_was_typed_stays_where_the_daemon_is_away_and_goes_out_when_it_is_back,
  a_refusal_that_has_no_place_for_the_form_leaves_it_as_it_was_filled_in,
];
