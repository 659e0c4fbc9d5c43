// The daemon under test, as a program with its token sees it, and the mails that it sent.

import { readFile, readdir } from "node:fs/promises";

export class House {
  constructor(address, token, home) {
    this.address = address;
    this.token = token;
    this.home = home;
  }

  at(path) {
    return this.address + path;
  }

  async answer(method, path, { body, token = this.token, language = "en" } = {}) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "accept-language": language };
    const answer = await fetch(this.at(path), { method, headers, body: body && JSON.stringify(body) });
    return { status: answer.status, text: await answer.text() };
  }

  async ask(method, path, body) {
    const { status, text } = await this.answer(method, path, { body });
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  get(path) {
    return this.ask("GET", path);
  }

  post(path, body) {
    return this.ask("POST", path, body);
  }

  async start(workflow, input) {
    return (await this.post(`/api/v1/workflows/${workflow}/runs`, { input })).id;
  }

  /** Looks at something until it is as wanted; each look is a request, which takes its time. */
  async until(what, look) {
    for (let end = Date.now() + 60_000; Date.now() < end; ) {
      const found = await look();
      if (found) return found;
    }
    throw new Error(`waited in vain: ${what}`);
  }

  /** The open task of a run. */
  task(run) {
    return this.until(`a task of ${run}`, async () => (await this.get(`/api/v1/tasks?run=${run}`)).items[0]);
  }

  /** The end of a run in this state. */
  ends(run, state) {
    return this.until(`${run} is ${state}`, async () => {
      const shown = await this.get(`/api/v1/runs/${run}?private=true`);
      return shown.state === state && shown;
    });
  }

  /** The path behind a label in the mail to somebody that speaks of this. */
  link(to, about, label) {
    return this.until(`a mail to ${to} about ${about}`, async () => {
      const folder = `${this.home}/data/mail`;
      for (const name of await readdir(folder).catch(() => [])) {
        if (!name.endsWith(".eml")) continue;
        const text = plain(await readFile(`${folder}/${name}`, "utf8"));
        const [, rest] = text.body.split(`  ${label}:`);
        if (!text.head.includes(to) || !text.body.includes(about) || !rest) continue;
        return new URL(rest.trim().split(/\s/)[0]).pathname;
      }
      return undefined;
    });
  }
}

/** The head of a mail, and the text of its first part. */
function plain(mail) {
  const [head, ...rest] = mail.replaceAll("\r\n", "\n").split("\n\n");
  let part = [head, ...rest].find((one) => /content-transfer-encoding/i.test(one)) ?? head;
  const whole = [head, ...rest];
  const at = whole.indexOf(part);
  const body = (part === head && !/multipart/i.test(head) ? whole.slice(1) : whole.slice(at + 1)).join("\n\n").split("\n--")[0];
  if (/base64/i.test(part)) return { head, body: Buffer.from(body, "base64").toString("utf8") };
  if (/quoted-printable/i.test(part)) return { head, body: unquoted(body) };
  return { head, body };
}

function unquoted(text) {
  const bytes = text.replaceAll("=\n", "").replace(/=([0-9A-F]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
