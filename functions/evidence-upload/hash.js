// SHA-256 (FIPS 180-4) of a file read slice by slice. The browser's own digest
// takes whole files only, and is missing on pages without TLS.
window.evidenceHash = (() => {
  "use strict";
  const K = new Uint32Array(64);
  const H0 = new Uint32Array(8);
  (() => {
    // The constants are the fractions of the roots of the first primes.
    const fraction = (x) => ((x - Math.floor(x)) * 4294967296) >>> 0;
    let n = 0;
    for (let p = 2; n < 64; p++) {
      let prime = true;
      for (let d = 2; d * d <= p; d++) if (p % d === 0) prime = false;
      if (!prime) continue;
      if (n < 8) H0[n] = fraction(Math.sqrt(p));
      K[n++] = fraction(Math.cbrt(p));
    }
  })();
  const w = new Int32Array(64);
  const blocks = (h, data, view, from, to) => {
    let [a0, b0, c0, d0, e0, f0, g0, h0] = h;
    for (let at = from; at < to; at += 64) {
      for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i);
      for (let i = 16; i < 64; i++) {
        const x = w[i - 15];
        const y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let a = a0, b = b0, c = c0, d = d0, e = e0, f = f0, g = g0, hh = h0;
      for (let i = 0; i < 64; i++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (hh + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        hh = g;
        g = f;
        f = e;
        e = (d + t1) | 0;
        d = c;
        c = b;
        b = a;
        a = (t1 + t2) | 0;
      }
      a0 = (a0 + a) | 0;
      b0 = (b0 + b) | 0;
      c0 = (c0 + c) | 0;
      d0 = (d0 + d) | 0;
      e0 = (e0 + e) | 0;
      f0 = (f0 + f) | 0;
      g0 = (g0 + g) | 0;
      h0 = (h0 + hh) | 0;
    }
    h.set([a0, b0, c0, d0, e0, f0, g0, h0]);
  };
  // pad is what ends a message of this length: it fills the last block.
  const pad = (rest, length) => {
    const size = rest.length + 9 > 64 ? 128 : 64;
    const last = new Uint8Array(size);
    last.set(rest);
    last[rest.length] = 0x80;
    const view = new DataView(last.buffer);
    view.setUint32(size - 8, Math.floor(length / 536870912));
    view.setUint32(size - 4, (length << 3) >>> 0);
    return last;
  };
  const hex = (h) => Array.from(h, (x) => (x >>> 0).toString(16).padStart(8, "0")).join("");

  const read = (blob) =>
    blob.arrayBuffer
      ? blob.arrayBuffer()
      : new Promise((done, fail) => {
          const r = new FileReader();
          r.onload = () => done(r.result);
          r.onerror = () => fail(r.error);
          r.readAsArrayBuffer(blob);
        });

  // small is what a telephone's memory holds at once; the browser's digest is faster.
  const small = 32 << 20;
  // slice is a multiple of the 64 bytes of a block.
  const slice = 1 << 20;
  // hash gives the hexadecimal digest; told is called with how far it has come,
  // and stops the work by returning true.
  const hash = async (file, told) => {
    if (file.size <= small && window.crypto && crypto.subtle) {
      const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", await read(file)));
      return told && told(file.size) ? "" : Array.from(sum, (x) => x.toString(16).padStart(2, "0")).join("");
    }
    const h = new Int32Array(H0);
    let rest = new Uint8Array(0);
    for (let at = 0; at < file.size; at += slice) {
      const data = new Uint8Array(await read(file.slice(at, at + slice)));
      const whole = data.length - (data.length % 64);
      blocks(h, data, new DataView(data.buffer), 0, whole);
      rest = data.subarray(whole);
      if (told && told(at + data.length)) return "";
    }
    const last = pad(rest, file.size);
    blocks(h, last, new DataView(last.buffer), 0, last.length);
    return hex(h);
  };
  return { hash, read };
})();
