// A line between a browser and the daemon that breaks when it is told to.

import net from "node:net";

export class Line {
  /** Passes on whatever comes, to the daemon at this address. */
  static async to(address) {
    const line = new Line();
    const { hostname, port } = new URL(address);
    line.server = net.createServer((near) => line.join(near, net.connect(Number(port), hostname)));
    await line.back();
    line.address = `http://127.0.0.1:${line.port}`;
    return line;
  }

  constructor() {
    this.open = new Set();
    this.mend();
  }

  /** From now on all goes through, and what was held goes on. */
  mend() {
    this.cutAfter = Infinity;
    this.answers = "pass";
    for (const one of this.open) {
      for (const piece of one.held.splice(0)) one.near.write(piece);
    }
  }

  /** Breaks each connection over which so many bytes went from now on. */
  cut(bytes) {
    this.cutAfter = bytes;
    for (const one of this.open) one.sent = 0;
  }

  /** What is sent arrives; its answer is lost. */
  lose() {
    this.answers = "lose";
  }

  /** What is sent arrives; its answer waits until the line is mended. */
  hold() {
    this.answers = "hold";
  }

  /** Nothing gets through, and nobody is let in. */
  away() {
    this.server.close();
    for (const one of this.open) {
      one.near.destroy();
      one.far.destroy();
    }
  }

  /** Stands where it stood. */
  async back() {
    await new Promise((ready) => this.server.listen(this.port ?? 0, "127.0.0.1", ready));
    this.port = this.server.address().port;
  }

  join(near, far) {
    const one = { near, far, sent: 0, posts: false, held: [] };
    const end = () => {
      this.open.delete(one);
      near.destroy();
      far.destroy();
    };
    this.open.add(one);
    for (const socket of [near, far]) socket.on("error", end).on("close", end);
    near.on("data", (piece) => {
      one.sent += piece.length;
      if (/^(POST|GET) /.test(piece.subarray(0, 5).toString("latin1"))) one.posts = piece[0] === 0x50;
      if (one.sent > this.cutAfter) return end();
      far.write(piece);
    });
    far.on("data", (piece) => {
      if (!one.posts || this.answers === "pass") near.write(piece);
      else if (this.answers === "lose") end();
      else one.held.push(piece);
    });
  }

  close() {
    this.away();
  }
}
