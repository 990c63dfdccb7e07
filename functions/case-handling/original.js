// Fetches an original in ranges that a function can answer, shows how far it
// is, and checks the hash of the whole before it offers to save it. Without this
// script short files are downloaded by their link.
"use strict";
(() => {
  const box = document.getElementById("original");
  if (!box || !window.fetch || !window.Blob) return;
  const say = box.dataset;
  const size = Number(say.bytes);
  const step = 8 * 1024 * 1024;

  // SHA-256 (FIPS 180-4) piece by piece: the browser's own takes only a whole
  // file in memory.
  const K = new Int32Array(64);
  const H0 = new Int32Array(8);
  (() => {
    const root = (x) => ((x - Math.floor(x)) * 4294967296) | 0;
    let found = 0;
    for (let n = 2; found < 64; n++) {
      let prime = true;
      for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
      if (!prime) continue;
      if (found < 8) H0[found] = root(Math.sqrt(n));
      K[found++] = root(Math.cbrt(n));
    }
  })();
  class SHA256 {
    constructor() { this.h = H0.slice(); this.rest = new Uint8Array(64); this.have = 0; this.length = 0; this.w = new Int32Array(64); }
    block(b, at) {
      const w = this.w, h = this.h;
      for (let i = 0; i < 16; i++, at += 4) w[i] = (b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3];
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15], y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let a = h[0], c = h[1], d = h[2], e = h[3], f = h[4], g = h[5], k = h[6], l = h[7];
      for (let i = 0; i < 64; i++) {
        const s1 = ((f >>> 6) | (f << 26)) ^ ((f >>> 11) | (f << 21)) ^ ((f >>> 25) | (f << 7));
        const t1 = (l + s1 + ((f & g) ^ (~f & k)) + K[i] + w[i]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & c) ^ (a & d) ^ (c & d))) | 0;
        l = k; k = g; g = f; f = (e + t1) | 0; e = d; d = c; c = a; a = (t1 + t2) | 0;
      }
      h[0] += a; h[1] += c; h[2] += d; h[3] += e; h[4] += f; h[5] += g; h[6] += k; h[7] += l;
    }
    add(b) {
      this.length += b.length;
      let at = 0;
      if (this.have > 0) {
        at = Math.min(64 - this.have, b.length);
        this.rest.set(b.subarray(0, at), this.have);
        this.have += at;
        if (this.have < 64) return;
        this.block(this.rest, 0);
        this.have = 0;
      }
      for (; at + 64 <= b.length; at += 64) this.block(b, at);
      this.rest.set(b.subarray(at), 0);
      this.have = b.length - at;
    }
    hex() {
      const bits = this.length;
      const end = new Uint8Array(this.have < 56 ? 64 - this.have : 128 - this.have);
      end[0] = 0x80;
      const view = new DataView(end.buffer);
      view.setUint32(end.length - 8, Math.floor(bits / 0x20000000));
      view.setUint32(end.length - 4, (bits << 3) >>> 0);
      this.add(end);
      return Array.from(this.h, (x) => (x >>> 0).toString(16).padStart(8, "0")).join("");
    }
  }

  const element = (name, text) => {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    return e;
  };
  const start = element("button", say.get);
  start.className = "btn second";
  start.type = "button";
  const stop = element("button", say.stop);
  stop.className = "btn second";
  stop.type = "button";
  stop.hidden = true;
  const bar = element("progress");
  bar.max = size || 1;
  bar.value = 0;
  bar.hidden = true;
  bar.setAttribute("aria-label", say.get);
  const told = element("p");
  told.setAttribute("role", "status");
  const buttons = element("div");
  buttons.className = "btns";
  buttons.append(start, stop);
  box.replaceChildren(buttons, bar, told);

  let parts = [], at = 0, sum = new SHA256(), halt = null;
  const part = async (from) => {
    const to = Math.min(from + step, size) - 1;
    for (let tries = 0; ; tries++) {
      try {
        const answer = await fetch(say.href, { headers: { Range: `bytes=${from}-${to}` }, signal: halt.signal, cache: "no-store" });
        if (answer.status !== 206 && !(answer.status === 200 && size <= step)) throw new Error(String(answer.status));
        return new Uint8Array(await answer.arrayBuffer());
      } catch (e) {
        if (halt.signal.aborted || tries >= 4) throw e;
        await new Promise((done) => setTimeout(done, 1000 << tries));
      }
    }
  };
  const show = () => {
    bar.value = at;
    told.textContent = say.progress.replace("{n}", String(size ? Math.floor((at * 100) / size) : 100));
  };
  const save = () => {
    const link = element("a", say.save);
    link.href = URL.createObjectURL(new Blob(parts, { type: "application/octet-stream" }));
    link.download = say.name;
    link.className = "btn";
    buttons.append(link);
    link.focus();
  };
  start.addEventListener("click", async () => {
    start.hidden = true;
    stop.hidden = false;
    bar.hidden = false;
    halt = new AbortController();
    try {
      show();
      while (at < size) {
        const bytes = await part(at);
        if (bytes.length === 0) throw new Error("empty");
        sum.add(bytes);
        parts.push(new Blob([bytes]));
        at += bytes.length;
        show();
      }
    } catch (e) {
      told.textContent = say.failed;
      start.hidden = false; // goes on where it stopped
      stop.hidden = true;
      return;
    }
    stop.hidden = true;
    const hash = sum.hex();
    if (say.sha256 && hash !== say.sha256) {
      told.textContent = say.wrong;
      parts = []; at = 0; sum = new SHA256();
      start.hidden = false;
      return;
    }
    told.textContent = (say.sha256 ? say.right : say.whole) + " SHA-256 " + hash;
    box.dataset.done = hash;
    save();
  });
  stop.addEventListener("click", () => halt.abort());
})();
