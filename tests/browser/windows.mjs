// Windows of a browser, each with nothing of the others in it, and the people who sit before them.

export const PASSWORD = "a long password of theirs";

export class Windows {
  constructor(browser, house) {
    this.browser = browser;
    this.house = house;
    this.cookies = new Map();
    this.begin();
  }

  begin() {
    this.open = [];
    // What a page's own policy forbids is a fault of the page; so is a script that speaks or fails.
    this.forbidden = [];
  }

  /** A window of somebody who is not known here. */
  async stranger(options = {}) {
    const desk = { locale: "zh-CN", timezoneId: "Asia/Shanghai", viewport: { width: 1280, height: 900 } };
    const context = await this.browser.newContext({ ...desk, ...options });
    context.setDefaultTimeout(60_000);
    this.open.push(context);
    const page = await context.newPage();
    page.on("console", (said) => said.text().includes("Content Security Policy") && this.forbidden.push(said.text()));
    page.on("pageerror", (error) => this.forbidden.push(`a script failed: ${error.message}`));
    page.on("dialog", (dialog) => {
      if (dialog.type() !== "beforeunload") this.forbidden.push(`a script spoke: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    return page;
  }

  /** A window of somebody of the house, who came in by an invitation the first time. */
  async of(person, options = {}) {
    if (!this.cookies.has(person)) {
      const page = await this.stranger();
      await this.accept(page, person);
      this.cookies.set(person, await page.context().cookies());
      await page.context().close();
    }
    const page = await this.stranger(options);
    await page.context().addCookies(this.cookies.get(person));
    return page;
  }

  /** Opens the invitation, chooses a password, and is in. */
  async accept(page, person) {
    const { link } = await this.house.post(`/api/v1/accounts/${person}/invite`, {});
    await page.goto(this.house.at(new URL(link, this.house.address).pathname));
    await page.fill("#password", PASSWORD);
    await page.fill("#again", PASSWORD);
    await page.click("main button[type=submit]");
    await page.waitForURL("**/tasks");
  }

  /** What people saw when a story failed. */
  async tell(name) {
    const pages = this.open.flatMap((context) => context.pages());
    for (const [at, page] of pages.entries()) {
      console.log(`window ${at}: ${page.url()}\n${await page.innerText("body").catch(() => "")}`);
      await page.screenshot({ path: `${name}-${at}.png`, fullPage: true }).catch(() => {});
    }
  }

  async close() {
    for (const context of this.open) await context.close();
  }
}

export async function signIn(page, name, password = PASSWORD) {
  await page.fill("#name", name);
  await page.fill("#password", password);
  await page.click("main button[type=submit]");
}

/** Waits until the page says something. */
export async function says(page, text) {
  await page.waitForFunction((text) => document.body?.innerText.includes(text), text);
}

/** The words of a page as people see them. */
export function words(page) {
  return page.innerText("body");
}
