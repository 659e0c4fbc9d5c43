// A newcomer who never saw a terminal: somebody gave them the links that `yizhan demo` printed, and nothing else.
//
//   node demo.mjs PICTURES LINK-OF-LI-NA LINK-OF-WANG-WEI LINK-OF-ZHOU-JIAN
//
// They carry a fault from the call to the callback with what the pages say, and the head of the house looks at all of it.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { Pictures } from "./pictures.mjs";
import { says, signIn, words } from "./windows.mjs";

const [folder, liNa, wangWei, zhouJian] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const pictures = new Pictures(folder);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

/** Opens a link and chooses a password, as the page says. */
async function comes(page, link, password) {
  await page.goto(link);
  await page.getByLabel("密码", { exact: true }).fill(password);
  await page.getByLabel("再输一次").fill(password);
  await page.getByRole("button", { name: "设置密码" }).click();
  await says(page, "我的待办");
}

async function leaves(page) {
  await page.getByRole("button", { name: "退出" }).click();
  await says(page, "登录");
}

async function from_the_call_to_the_callback(page) {
  await comes(page, liNa, "answers the phone");
  await page.getByRole("link", { name: "新建" }).click();
  await pictures.of(page, "demo-new");
  await page.getByRole("link", { name: "故障派工" }).first().click();
  await page.getByLabel("客户姓名").fill("张三");
  await page.getByLabel("联系电话").fill("13900001111");
  await page.getByLabel("地址").fill("白沙路 88 号");
  await page.getByLabel("区域").getByText("城南").or(page.getByLabel("城南")).first().click();
  await page.getByLabel("类别").selectOption({ label: "停水" });
  await page.getByLabel("事项").fill("整栋楼没有水");
  await pictures.of(page, "demo-call");
  await page.getByRole("button", { name: "发起" }).click();
  await page.waitForURL("**/runs/run_*");
  const run = page.url();
  await leaves(page);

  await comes(page, wangWei, "repairs the pipes");
  await page.getByRole("link", { name: /处理:停水 白沙路 88 号/ }).click();
  await page.getByText("已修复、已办结").click();
  await page.getByLabel("原因").fill("水泵跳闸,已复位");
  await pictures.of(page, "demo-repair");
  await page.getByRole("button", { name: "提交" }).click();
  await says(page, "办好了");
  await leaves(page);

  await signIn(page, "李娜", "answers the phone");
  await says(page, "我的待办");
  await page.getByRole("link", { name: /24小时内回访 张三/ }).click();
  await page.getByText("是", { exact: true }).click();
  await pictures.of(page, "demo-callback");
  await page.getByRole("button", { name: "提交" }).click();
  await says(page, "办好了");
  await page.goto(new URL("/tasks?only=answered", run).href);
  assert.match(await words(page), /24小时内回访 张三/, "whoever answered finds it again");
  await pictures.of(page, "demo-answered");
  await page.goto(run);
  // A page that was opened a moment too early is opened again.
  for (let end = Date.now() + 60_000; !(await words(page)).includes("办结") && Date.now() < end; ) await page.reload();
  assert.match(await words(page), /办结/);
  await pictures.of(page, "demo-case");
}

/** Everything there is, in the language of the reader. */
async function the_head_looks_at_everything(page, language) {
  const all = { tasks: "/tasks", new: "/new", runs: "/runs", workflows: "/workflows", registers: "/registers", system: "/system", accounts: "/system/accounts" };
  const at = (path) => new URL(path, zhouJian).href;
  for (const [name, path] of Object.entries(all)) {
    await page.goto(at(path));
    await pictures.of(page, `demo-${name}-${language}`);
  }
  await page.goto(at("/runs"));
  await page.locator("main table a").last().click();
  await page.waitForURL("**/runs/run_*");
  await pictures.of(page, `demo-run-${language}`);
  await page.goto(at("/workflows/fault-dispatch"));
  await pictures.of(page, `demo-workflow-${language}`);
}

let failed = 0;
const window = async (locale) => {
  const context = await browser.newContext({ locale, timezoneId: "Asia/Shanghai", viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(60_000);
  return context.newPage();
};
const page = await window("zh-CN");
const english = await window("en-GB");
try {
  await from_the_call_to_the_callback(page);
  await leaves(page);
  await comes(page, zhouJian, "looks at everything");
  await the_head_looks_at_everything(page, "zh");
  await english.context().addCookies(await page.context().cookies());
  await the_head_looks_at_everything(english, "en");
} catch (error) {
  failed = 1;
  console.log(error.stack);
  for (const one of [page, english]) {
    console.log(`${one.url()}\n${await words(one).catch(() => "")}`);
    await one.screenshot({ path: `${folder}/failed-demo-${one === page ? "zh" : "en"}.png`, fullPage: true }).catch(() => {});
  }
}
await browser.close();
console.log(`${1 - failed} passed, ${failed} failed`);
process.exitCode = failed;
