// The pages in a real browser, on the real daemon.
//
//   node run.mjs ADDRESS TOKEN PICTURES HOME
//
// ADDRESS is a daemon over HOME, which has the files of `home/`; TOKEN one of its tokens; PICTURES the folder for what the pages
// look like. Prints each story as it ends; the exit code is 1 when one fails. ONLY=WORD plays those that have it in their name.

import { mkdir } from "node:fs/promises";
import { chromium } from "playwright-core";
import { stories as acts } from "./acts.mjs";
import { stories as beside } from "./beside.mjs";
import { stories as eyes } from "./eyes.mjs";
import { stories as faults } from "./faults.mjs";
import { stories as following } from "./following.mjs";
import { stories as keyboard } from "./keyboard.mjs";
import { stories as lines } from "./lines.mjs";
import { House } from "./house.mjs";
import { Pictures } from "./pictures.mjs";
import { stories } from "./stories.mjs";
import { Windows } from "./windows.mjs";
import { stories as texts } from "./words.mjs";

const [address, token, folder, home] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const launched = () => chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});
let [browser, again] = [await launched(), true];
const house = new House(address, token, home);
const windows = new Windows(browser, house);
const pictures = new Pictures(folder);
/** No story takes so long; one that stands still is told like one that fails. */
const LONGEST = 150_000;
const within = (ms, told) => {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`it stood still for ${ms} ms`)), ms)));
  return Promise.race([told, late]).finally(() => clearTimeout(timer));
};
const only = process.env.ONLY ?? "";
let [passed, failed] = [0, 0];
const play = async (story) => {
  windows.begin();
  await within(LONGEST, story({ windows, house, pictures }));
  if (windows.forbidden.length > 0) throw new Error(windows.forbidden.join("\n"));
};
for (const story of [...stories, ...acts, ...beside, ...eyes, ...faults, ...following, ...keyboard, ...lines, ...texts].filter((story) => story.name.includes(only))) {
  const begun = Date.now();
  try {
    await play(story).catch(async (error) => {
      // A browser that ended by itself says nothing of the pages. It happens once, or it is told.
      if (browser.isConnected() || !again) throw error;
      console.log(`the browser ended by itself in ${story.name}`);
      [browser, again] = [await launched(), false];
      windows.browser = browser;
      await play(story);
    });
    console.log(`ok ${story.name} (${Date.now() - begun} ms)`);
    passed += 1;
  } catch (error) {
    console.log(`FAILED ${story.name}: ${error.stack}`);
    await windows.tell(`${folder}/failed-${story.name}`);
    failed += 1;
  }
  await windows.close().catch(() => {});
}
await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
